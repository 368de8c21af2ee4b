"""How far stated probabilities can be believed, and the temperature that mends them. Never applies it.

Axes: N images, K classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pigeonhole.evaluation.checks import Labels, Probs, check

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0
_STEPS = 60


@dataclass(frozen=True)
class Bin:
    """The images whose confidence lies above `low` and up to `high`; the means are `None` if there are none."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy.

    Attributes:
        error: the expected calibration error: the mean distance of confidence and accuracy, weighted by images.
        bins: 15 of equal width.
    """

    error: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"error": self.error, "bins": [asdict(entry) for entry in self.bins]}


def calibration(labels_N: Labels, probs_NK: Probs) -> Calibration:
    """The expected calibration error over 15 bins of equal width, and the bins.

    Source: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.

    Raises:
        DataError: labels or probabilities are wrong.
    """
    check(labels_N, probs_NK)
    confidence_N = probs_NK.max(axis=1).astype(np.float64)
    right_N = probs_NK.argmax(axis=1) == labels_N
    # Bins are open below and closed above, so a confidence of exactly 1 lies in the last.
    bin_N = np.clip(np.ceil(confidence_N * BINS).astype(np.int64) - 1, 0, BINS - 1)
    bins = tuple(_bin(k, confidence_N[bin_N == k], right_N[bin_N == k]) for k in range(BINS))
    return Calibration(sum(_distance(entry) for entry in bins) / len(labels_N), bins)


def _distance(entry: Bin) -> float:
    if entry.confidence is None or entry.accuracy is None:
        return 0.0
    return entry.n * abs(entry.confidence - entry.accuracy)


def _bin(k: int, confidence_N: Any, right_N: Any) -> Bin:
    n = len(confidence_N)
    means = (float(confidence_N.mean()), float(right_N.mean())) if n else (None, None)
    return Bin(k / BINS, (k + 1) / BINS, n, *means)


def fit_temperature(labels_N: Labels, probs_NK: Probs) -> float:
    """The temperature T for which softmax(log(probs) / T) has the least log loss; 1 means calibrated, above 1 too sure.

    The loss is convex in 1/T, so halving the interval on its slope finds the one minimum. The answer lies between
    0.05 and 20; a model without a mistake on these images gets the lower end, as its loss falls for ever.
    Fit it on validation images. Source: C. Guo et al., ICML 2017, section 4.2.

    Raises:
        DataError: labels or probabilities are wrong.
    """
    check(labels_N, probs_NK)
    logits_NK = np.log(np.maximum(probs_NK, np.finfo(np.float32).tiny), dtype=np.float64)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _slope(labels_N, logits_NK, middle) > 0 else (middle, high)
    return float(2 / (low + high))


def _slope(labels_N: Labels, logits_NK: Any, inverse_temperature: float) -> float:
    """The derivative of the log loss by 1/T: what the model expects of the logits, less what is true."""
    scaled_NK = logits_NK * inverse_temperature
    powers_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    expected_N = (powers_NK * logits_NK).sum(axis=1) / powers_NK.sum(axis=1)
    return float((expected_N - logits_NK[np.arange(len(labels_N)), labels_N]).mean())
