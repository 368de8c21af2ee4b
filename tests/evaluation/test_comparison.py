from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation import compare
from pigeonhole.evaluation.comparison import mcnemar


def sure(predicted_N, k=3):
    return np.eye(k)[predicted_N]


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_two_sided_binomial_test(only_a, only_b):
    theirs = stats.binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(theirs, rel=1e-9)


def test_a_clear_difference():
    labels_N = np.zeros(1000, int)
    a_N, b_N = np.ones(1000, int), np.ones(1000, int)
    a_N[:900] = 0
    b_N[20:960] = 0
    told = compare(labels_N, sure(a_N), sure(b_N))
    assert (told.only_a_right, told.only_b_right) == (20, 60)
    assert told.difference.value == pytest.approx(0.04)
    assert told.difference.low > 0
    assert told.p_value < 1e-4
    assert json.loads(json.dumps(told.to_dict()))["accuracy_b"]["value"] == pytest.approx(0.94)


def test_the_same_model_twice_is_no_difference():
    labels_N = np.array([0, 1, 2, 0])
    told = compare(labels_N, sure([0, 1, 0, 0]), sure([0, 1, 0, 0]))
    assert told.p_value == 1
    assert told.difference.value == 0


def test_swapping_the_models_swaps_the_answer():
    rng = np.random.default_rng(0)
    labels_N, a_N, b_N = rng.integers(0, 3, (3, 300))
    ab, ba = compare(labels_N, sure(a_N), sure(b_N)), compare(labels_N, sure(b_N), sure(a_N))
    assert ab.p_value == ba.p_value
    assert ab.difference.value == -ba.difference.value
    assert ab.accuracy_a == ba.accuracy_b


def test_other_images_cannot_be_compared():
    with pytest.raises(DataError, match="4 labels"):
        compare(np.zeros(4, int), sure([0, 0, 0, 0]), sure([0, 0, 0]))
    with pytest.raises(DataError, match="3 classes"):
        compare(np.zeros(2, int), sure([0, 0]), sure([0, 0], k=4))
