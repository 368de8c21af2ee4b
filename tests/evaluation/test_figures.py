from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation import evaluate


def guesses(seed, n=200, k=5, skill=1.5, dtype=np.float32):
    """Labels and the probabilities of a middling model."""
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, k, n)
    logits_NK = rng.normal(size=(n, k)) + skill * np.eye(k)[labels_N]
    powers_NK = np.exp(logits_NK)
    return labels_N, (powers_NK / powers_NK.sum(axis=1, keepdims=True)).astype(dtype)


NAMES = ("a", "b", "c", "d", "e")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 300), st.integers(2, 12), st.floats(-1, 6))
def test_every_figure_is_scikit_learns(seed, n, k, skill):
    labels_N, probs_NK = guesses(seed, n, k, skill, np.float64)
    ours = evaluate(labels_N, probs_NK, [f"class {i}" for i in range(k)])
    predicted_N = probs_NK.argmax(axis=1)
    assert ours.accuracy.value == pytest.approx(sk.accuracy_score(labels_N, predicted_N))
    for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        for average in ("macro", "weighted"):
            theirs = function(labels_N, predicted_N, average=average, zero_division=0)
            assert getattr(getattr(ours, name), average) == pytest.approx(theirs), (name, average)
    np.testing.assert_array_equal(ours.confusion, sk.confusion_matrix(labels_N, predicted_N, labels=range(k)))
    assert ours.log_loss == pytest.approx(sk.log_loss(labels_N, probs_NK, labels=range(k)), rel=1e-9)
    if len(np.unique(labels_N)) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sk.roc_auc_score(np.eye(k, dtype=int)[labels_N], probs_NK, average="weighted")
        assert ours.auc_weighted == pytest.approx(theirs)


def test_ties_count_half_in_auc():
    labels_N = np.array([0, 0, 1, 1, 2, 2, 0])
    probs_NK = np.round(guesses(3, 7, 3, 1.0, np.float64)[1], 1)
    probs_NK /= probs_NK.sum(axis=1, keepdims=True)
    theirs = sk.roc_auc_score(np.eye(3, dtype=int)[labels_N], probs_NK, average="weighted")
    assert evaluate(labels_N, probs_NK, NAMES[:3]).auc_weighted == pytest.approx(theirs)


def test_one_class_has_no_auc_and_says_why():
    _, probs_NK = guesses(0, 20, 5)
    told = evaluate(np.full(20, 2), probs_NK, NAMES).to_dict()
    assert told["auc_weighted"] is None
    assert "one class" in told["auc_weighted_reason"]
    assert told["accuracy"]["value"] <= 1


def test_classes_without_images_or_predictions_are_undefined_and_not_zero():
    labels_N = np.array([0, 0, 1, 1])
    probs_NK = np.array([[0.9, 0.1, 0, 0], [0.8, 0.2, 0, 0], [0.7, 0.3, 0, 0], [0.1, 0, 0.9, 0]])
    told = evaluate(labels_N, probs_NK, ["a", "b", "c", "d"])
    by_name = {figures.name: figures for figures in told.by_class}
    assert by_name["a"].precision == pytest.approx(2 / 3)
    assert by_name["b"].precision is None
    assert by_name["b"].recall == 0.0
    assert by_name["c"].recall is None
    assert by_name["c"].precision == 0.0
    assert by_name["d"].f1 is None


def test_the_normalised_macro_recall_puts_guessing_at_zero():
    labels_N = np.array([0, 1, 0, 1])
    always_first = np.array([[0.9, 0.1]] * 4)
    assert evaluate(labels_N, always_first, "ab").norm_macro_recall == 0
    assert evaluate(labels_N, np.eye(2)[labels_N], "ab").norm_macro_recall == 1


def test_groups_are_told_worst_first_with_intervals():
    labels_N = np.array([0, 0, 1, 1, 1, 0])
    probs_NK = np.eye(2)[[0, 0, 1, 0, 0, 0]]
    told = evaluate(labels_N, probs_NK, "ab", groups_N=np.array([7, 7, 7, 9, 9, 9])).to_dict()
    assert [(group["group"], group["n"]) for group in told["by_group"]] == [("9", 3), ("7", 3)]
    assert told["by_group"][0]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert told["by_group"][1]["accuracy"]["high"] == 1
    with pytest.raises(DataError, match="groups of shape"):
        evaluate(labels_N, probs_NK, "ab", groups_N=["x"])


def test_the_dict_is_json_and_carries_the_interval():
    labels_N, probs_NK = guesses(1)
    told = evaluate(labels_N, probs_NK, NAMES, groups_N=labels_N % 2).to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["accuracy"]["low"] < told["accuracy"]["value"] < told["accuracy"]["high"]
    assert told["confusion_matrix"]["data"]["class_labels"] == list(NAMES)
    assert sum(map(sum, told["confusion_matrix"]["data"]["matrix"])) == told["n"] == 200


def test_a_sure_mistake_costs_much_but_not_everything():
    loss = evaluate(np.array([0, 1]), np.array([[1, 0], [1, 0]], np.float32), "ab").log_loss
    assert loss == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("labels_N", "probs_NK", "message"),
    [
        (np.array([], int), np.empty((0, 2)), "no images"),
        (np.array([0.0, 1.0]), np.eye(2), "labels of type float64"),
        (np.array([[0], [1]]), np.eye(2), "shape \\(2, 1\\)"),
        (np.array([0, 1, 1]), np.eye(2), "3 labels and 2 classes"),
        (np.array([0, 2]), np.eye(2), "row 1: the label 2"),
        (np.array([0, -1]), np.eye(2), "row 1: the label -1"),
        (np.array([0, 1]), np.array([[1, 0], [np.nan, 1]]), "row 1"),
        (np.array([0, 1]), np.array([[1, 0], [3.0, -2.0]]), "row 1"),
        (np.array([0, 1]), np.array([[1, 0], [0.7, 0.7]]), "sum to 1.4"),
        (np.array([0, 1]), np.eye(2, dtype=int), "type int64"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(labels_N, probs_NK, message):
    with pytest.raises(DataError, match=message):
        evaluate(labels_N, probs_NK, "ab")


def test_all_problems_come_at_once():
    labels_N = np.full(30, 9)
    with pytest.raises(DataError, match="and 20 more"):
        evaluate(labels_N, np.full((30, 2), 0.5), "ab")


def test_inputs_are_left_alone():
    labels_N, probs_NK = guesses(5)
    before = labels_N.copy(), probs_NK.copy()
    evaluate(labels_N, probs_NK, NAMES)
    np.testing.assert_array_equal(labels_N, before[0])
    np.testing.assert_array_equal(probs_NK, before[1])
