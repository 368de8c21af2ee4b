"""The five primary metrics: scikit-learn's values, intervals that hold, and what cannot be scored."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation.interval import wilson
from pigeonhole.evaluation.primary import PRIMARY_METRICS


def sample(n=300, n_classes=4, seed=0, sharpness=1.5, decimals=None):
    """Labels, the first classes rarer than the last, and probabilities that lean towards them; with ties if rounded."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum()
    labels_N = rng.choice(n_classes, n, p=shares)
    labels_N[:n_classes] = np.arange(n_classes)
    scores_NK = rng.normal(size=(n, n_classes)) + sharpness * np.eye(n_classes)[labels_N]
    if decimals is not None:
        scores_NK = scores_NK.round(decimals)
    powers_NK = np.exp(scores_NK)
    return labels_N, (powers_NK / powers_NK.sum(axis=1, keepdims=True)).astype(np.float32)


def by_scikit_learn(name, labels_N, probs_NK):
    given_N, hot_NK = probs_NK.argmax(axis=1), np.eye(probs_NK.shape[1])[labels_N]
    guessing = 1 / probs_NK.shape[1]
    return {
        "accuracy": lambda: np.mean(given_N == labels_N),
        "AUC_weighted": lambda: roc_auc_score(hot_NK, probs_NK, average="weighted"),
        "average_precision_score_weighted": lambda: average_precision_score(hot_NK, probs_NK, average="weighted"),
        "norm_macro_recall": lambda: max(
            0, (recall_score(labels_N, given_N, average="macro") - guessing) / (1 - guessing)
        ),
        "precision_score_weighted": lambda: precision_score(labels_N, given_N, average="weighted", zero_division=0),
    }[name]()


@pytest.mark.parametrize("name", PRIMARY_METRICS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("decimals", [None, 0])
def test_scores_are_those_of_scikit_learn(name, seed, decimals):
    labels_N, probs_NK = sample(seed=seed, decimals=decimals)
    assert PRIMARY_METRICS[name].score(labels_N, probs_NK) == pytest.approx(
        by_scikit_learn(name, labels_N, probs_NK), abs=1e-12
    )


@pytest.mark.parametrize("name", PRIMARY_METRICS)
def test_a_class_that_is_never_given_counts_with_its_images(name):
    labels_N, probs_NK = sample()
    probs_NK[:, 0] = 0
    probs_NK /= probs_NK.sum(axis=1, keepdims=True)
    assert PRIMARY_METRICS[name].score(labels_N, probs_NK) == pytest.approx(
        by_scikit_learn(name, labels_N, probs_NK), abs=1e-7
    )


@pytest.mark.filterwarnings("ignore:No positive class found")
@pytest.mark.parametrize("name", ["accuracy", "average_precision_score_weighted", "precision_score_weighted"])
def test_a_class_without_images_has_no_weight(name):
    labels_N, probs_NK = sample()
    kept_N = labels_N != 1
    labels_N, probs_NK = labels_N[kept_N], probs_NK[kept_N]
    expected = by_scikit_learn(name, labels_N, probs_NK)
    assert PRIMARY_METRICS[name].score(labels_N, probs_NK) == pytest.approx(expected, abs=1e-12)


def test_auc_of_a_class_without_images_is_that_of_the_others():
    labels_N, probs_NK = sample()
    kept_N = labels_N != 1
    labels_N, probs_NK = labels_N[kept_N], probs_NK[kept_N]
    others = [0, 2, 3]
    expected = np.average(
        [roc_auc_score(labels_N == k, probs_NK[:, k]) for k in others], weights=[(labels_N == k).sum() for k in others]
    )
    assert PRIMARY_METRICS["AUC_weighted"].score(labels_N, probs_NK) == pytest.approx(expected, abs=1e-12)


def test_auc_of_one_class_is_refused_with_its_reason():
    probs_NK = np.full((5, 2), 0.5, np.float32)
    with pytest.raises(DataError, match="5 images, all of class 1"):
        PRIMARY_METRICS["AUC_weighted"].score(np.ones(5, np.int64), probs_NK)


@pytest.mark.parametrize("name", PRIMARY_METRICS)
def test_unsound_probabilities_are_refused(name):
    labels_N, probs_NK = sample()
    probs_NK[3, 0] = np.nan
    for call in (PRIMARY_METRICS[name].score, PRIMARY_METRICS[name].interval):
        with pytest.raises(DataError, match="row 3"):
            call(labels_N, probs_NK)


def test_the_interval_of_accuracy_is_wilsons():
    labels_N, probs_NK = sample()
    right = int((probs_NK.argmax(axis=1) == labels_N).sum())
    expected = wilson(right, len(labels_N))
    assert PRIMARY_METRICS["accuracy"].interval(labels_N, probs_NK) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


@pytest.mark.parametrize("name", PRIMARY_METRICS)
@pytest.mark.parametrize("sharpness", [1.0, 3.0])
def test_intervals_are_as_wide_as_the_bootstrap_says(name, sharpness):
    metric = PRIMARY_METRICS[name]
    labels_N, probs_NK = sample(n=1500, sharpness=sharpness)
    rng = np.random.default_rng(1)
    drawn = [rng.integers(0, len(labels_N), len(labels_N)) for _ in range(200)]
    spread = np.std([metric.figure(labels_N[rows], probs_NK[rows]) for rows in drawn])
    low, high = metric.interval(labels_N, probs_NK)
    assert low < metric.score(labels_N, probs_NK) < high
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("name", PRIMARY_METRICS)
def test_the_interval_of_a_perfect_score_ends_at_1_and_has_a_width(name):
    labels_N, _ = sample()
    low, high = PRIMARY_METRICS[name].interval(labels_N, np.eye(4, dtype=np.float32)[labels_N])
    assert high == 1
    assert 0.9 < low < 1


def test_only_the_macro_metric_is_macro():
    assert [name for name, metric in PRIMARY_METRICS.items() if metric.is_macro] == ["norm_macro_recall"]
