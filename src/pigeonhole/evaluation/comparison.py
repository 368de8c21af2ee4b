"""Two models on the same images: is the difference more than luck? Chooses nothing.

Axes: N images, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pigeonhole.evaluation.checks import Labels, Probs, check
from pigeonhole.evaluation.interval import Interval, paired_difference, wilson


@dataclass(frozen=True)
class Comparison:
    """Model b beside model a, on the same images.

    Attributes:
        n: images.
        accuracy_a: the first model's accuracy.
        accuracy_b: the second's.
        difference: b's accuracy less a's.
        only_a_right: images that only a has right.
        only_b_right: images that only b has right.
        p_value: how probable a difference as large, in either direction, is between equally good models.
    """

    n: int
    accuracy_a: Interval
    accuracy_b: Interval
    difference: Interval
    only_a_right: int
    only_b_right: int
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "n": self.n,
            "accuracy_a": self.accuracy_a.to_dict(),
            "accuracy_b": self.accuracy_b.to_dict(),
            "difference": self.difference.to_dict(),
            "only_a_right": self.only_a_right,
            "only_b_right": self.only_b_right,
            "p_value": self.p_value,
        }


def compare(labels_N: Labels, probs_a_NK: Probs, probs_b_NK: Probs) -> Comparison:
    """Accuracies, their difference, and McNemar's exact test.

    Args:
        labels_N: the true classes.
        probs_a_NK: the first model's probabilities.
        probs_b_NK: the second's, for the same images in the same order.

    Raises:
        DataError: labels or probabilities are wrong, or differ in number.
    """
    check(labels_N, probs_a_NK, probs_b_NK, n_classes=probs_a_NK.shape[-1])
    right_a_N = probs_a_NK.argmax(axis=1) == labels_N
    right_b_N = probs_b_NK.argmax(axis=1) == labels_N
    n = len(labels_N)
    only_a, only_b = int((right_a_N & ~right_b_N).sum()), int((right_b_N & ~right_a_N).sum())
    return Comparison(
        n=n,
        accuracy_a=wilson(int(right_a_N.sum()), n),
        accuracy_b=wilson(int(right_b_N.sum()), n),
        difference=paired_difference(only_a, only_b, n),
        only_a_right=only_a,
        only_b_right=only_b,
        p_value=mcnemar(only_a, only_b),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p value: each image on which two equal models disagree is a fair coin.

    Source: Q. McNemar, Psychometrika 12 (1947), 153, with the binomial distribution instead of its approximation.
    """
    n = only_a + only_b
    fewer = np.arange(min(only_a, only_b) + 1)
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in fewer]
    return min(1.0, 2 * math.fsum(math.exp(log) for log in logs))
