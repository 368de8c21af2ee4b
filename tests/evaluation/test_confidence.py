from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation import calibration, fit_temperature


def softmax(logits_NK):
    powers_NK = np.exp(logits_NK - logits_NK.max(axis=1, keepdims=True))
    return powers_NK / powers_NK.sum(axis=1, keepdims=True)


def drawn_from(probs_NK, rng):
    """Labels for which these probabilities are true."""
    return (probs_NK.cumsum(axis=1) < rng.random((len(probs_NK), 1))).sum(axis=1)


def log_loss(labels_N, probs_NK, temperature):
    scaled_NK = softmax(np.log(probs_NK) / temperature)
    return -np.log(scaled_NK[np.arange(len(labels_N)), labels_N]).mean()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 4))
def test_the_temperature_is_where_the_loss_is_least(seed, truth):
    rng = np.random.default_rng(seed)
    logits_NK = rng.normal(scale=2, size=(400, 5))
    labels_N = drawn_from(softmax(logits_NK / truth), rng)
    probs_NK = softmax(logits_NK)
    best = minimize_scalar(
        lambda log_t: log_loss(labels_N, probs_NK, np.exp(log_t)), bounds=(-2.9, 2.9), method="bounded"
    )
    assert fit_temperature(labels_N, probs_NK) == pytest.approx(np.exp(best.x), rel=1e-3)


def test_a_calibrated_model_has_temperature_one_and_hardly_any_error():
    rng = np.random.default_rng(1)
    probs_NK = softmax(rng.normal(scale=2, size=(100_000, 4)))
    labels_N = drawn_from(probs_NK, rng)
    assert fit_temperature(labels_N, probs_NK) == pytest.approx(1, abs=0.02)
    assert calibration(labels_N, probs_NK).error < 0.01


def test_an_overconfident_model_gets_a_temperature_above_one():
    rng = np.random.default_rng(2)
    logits_NK = rng.normal(scale=2, size=(5000, 4))
    labels_N = drawn_from(softmax(logits_NK), rng)
    assert fit_temperature(labels_N, softmax(3 * logits_NK)) == pytest.approx(3, rel=0.1)


def test_no_mistakes_and_only_mistakes_stay_within_the_bounds():
    right_NK = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(np.array([0, 1]), right_NK) == pytest.approx(0.05)
    assert fit_temperature(np.array([1, 0]), right_NK) == pytest.approx(20)


def test_probabilities_of_exactly_zero_do_not_break_it():
    probs_NK = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert np.isfinite(fit_temperature(np.array([0, 1, 1]), probs_NK))


def test_the_error_by_hand():
    # two images at confidence 0.9, one right; two at 0.6, both right: (2·|0.9-0.5| + 2·|0.6-1|) / 4
    probs_NK = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    told = calibration(np.array([0, 1, 0, 0]), probs_NK)
    assert told.error == pytest.approx(0.4)
    assert len(told.bins) == 15
    assert sum(entry.n for entry in told.bins) == 4
    assert [entry.n for entry in told.bins if entry.n] == [2, 2]
    assert told.bins[0].accuracy is None


def test_full_confidence_lies_in_the_last_bin():
    told = calibration(np.array([0, 1]), np.eye(2))
    assert told.bins[-1].n == 2
    assert told.error == 0


def test_nonsense_is_refused():
    with pytest.raises(DataError):
        fit_temperature(np.array([0, 5]), np.eye(2))
