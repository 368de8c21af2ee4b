"""The stack's rules: its features, who the meta learner is, and that its score is of images that it did not see."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pigeonhole.automl import stacking
from pigeonhole.automl.stacking import MetaOptions
from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.evaluation.primary import PRIMARY_METRICS

ACCURACY = MetaOptions(PRIMARY_METRICS["accuracy"])


def members(labels_N, n_members=2, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n_members):
        powers_NK = np.exp(rng.normal(size=(len(labels_N), n_classes)) + 1.5 * np.eye(n_classes)[labels_N])
        made.append((powers_NK / powers_NK.sum(axis=1, keepdims=True)).astype(np.float32))
    return made


def labels(n=90, n_classes=3):
    return np.arange(n) % n_classes


def test_features_leave_each_members_first_class_out():
    first, second = members(labels(6))
    assert (stacking.features([first, second]) == np.hstack([first[:, 1:], second[:, 1:]])).all()


def test_the_hold_out_score_is_of_a_second_meta_learner_that_saw_no_validation_image():
    validation_N, held_N = labels(60), labels(90)
    full, held, refitted = members(validation_N, seed=1), members(held_N, seed=2), members(validation_N, seed=3)
    options = MetaOptions(PRIMARY_METRICS["accuracy"], learner="LogisticRegression")
    stack = stacking.stack_with_hold_out(validation_N, full, held_N, held, refitted, options)
    second = LogisticRegression().fit(np.hstack([probs[:, 1:] for probs in held]), held_N)
    expected_NK = second.predict_proba(np.hstack([probs[:, 1:] for probs in refitted]))
    assert np.abs(stack.honest_probs_NK - expected_NK).max() < 1e-5
    assert stack.score == pytest.approx(np.mean(expected_NK.argmax(axis=1) == validation_N))
    final = LogisticRegression().fit(np.hstack([probs[:, 1:] for probs in full]), validation_N)
    assert np.abs(stack.meta.estimator.coef_ - final.coef_).max() < 1e-5


def test_the_score_of_a_fold_is_of_a_meta_learner_without_it():
    labels_N = labels(90)
    fold_N = np.repeat([0, 1, 2], 30)
    probs = members(labels_N)
    options = MetaOptions(PRIMARY_METRICS["accuracy"], learner="LogisticRegression")
    stack = stacking.stack_with_folds(labels_N, probs, fold_N, options)
    scores = []
    features_NF = np.hstack([one[:, 1:] for one in probs])
    for fold in range(3):
        own_N = fold_N == fold
        meta = LogisticRegression().fit(features_NF[~own_N], labels_N[~own_N])
        scores.append(meta.score(features_NF[own_N], labels_N[own_N]))
    assert stack.score == pytest.approx(np.mean(scores))
    assert np.allclose(stack.honest_probs_NK.sum(axis=1), 1, atol=1e-6)


def test_the_default_meta_learner_follows_from_the_rarest_class_of_all_meta_sets():
    enough, few = labels(15), labels(14)
    assert stacking.default_learner([enough, labels(90)], 3) == "LogisticRegressionCV"
    assert stacking.default_learner([enough, few], 3) == "LogisticRegression"
    assert stacking.default_learner([labels(90)], 4) == "LogisticRegression"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["accuracy", "AUC_weighted"])
def test_the_default_meta_learner_chooses_by_the_primary_metric(n_classes, name):
    labels_N = labels(40, n_classes)
    probs = members(labels_N, n_classes=n_classes)
    options = MetaOptions(PRIMARY_METRICS[name], settings={"Cs": 2, "cv": 2})
    meta = stacking.fit_meta(labels_N, probs, "LogisticRegressionCV", options)
    scores = np.concatenate([np.ravel(one) for one in dict(meta.estimator.scores_).values()])
    assert np.isfinite(scores).all()
    assert scores.max() > 0.7
    assert meta.probabilities(probs).shape == (40, n_classes)


@pytest.mark.parametrize(("name", "weight"), [("norm_macro_recall", "balanced"), ("accuracy", None)])
@pytest.mark.parametrize("learner", stacking.META_LEARNERS)
def test_only_a_macro_metric_balances_the_classes(name, weight, learner):
    options = MetaOptions(PRIMARY_METRICS[name], settings={"Cs": 1, "cv": 2} if learner.endswith("CV") else {})
    assert stacking.fit_meta(labels(), members(labels()), learner, options).estimator.class_weight == weight


def test_the_same_seed_gives_the_same_split_in_proportion_to_the_classes():
    labels_N = np.repeat([0, 1, 2], [50, 30, 20])
    rows = stacking.twenty_percent(labels_N, seed=4)
    assert np.bincount(labels_N[rows]).tolist() == [10, 6, 4]
    assert (rows == stacking.twenty_percent(labels_N, seed=4)).all()
    assert (np.diff(rows) > 0).all()


def test_what_cannot_be_stacked_is_refused():
    with pytest.raises(SpecError, match="did you mean 'LightGBMClassifier'"):
        MetaOptions(PRIMARY_METRICS["accuracy"], learner="LightGBMClasifier")
    with pytest.raises(DataError, match="one class"):
        stacking.fit_meta(np.zeros(5, np.int64), members(labels(5)), "LogisticRegression", ACCURACY)
    with pytest.raises(DataError, match="one fold"):
        stacking.stack_with_folds(labels(6), members(labels(6)), np.zeros(6, np.int64), ACCURACY)
    with pytest.raises(DataError, match="cannot be split"):
        stacking.twenty_percent(np.array([0, 0, 0, 0, 0, 1]))
