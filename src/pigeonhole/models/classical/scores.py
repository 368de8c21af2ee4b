"""Scores that are linear in an image's features, and a smooth way from scores to probabilities. scikit-learn fits them.

Axes: N images, P features, A classes present; docs/adr/0012 says why it is so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from pigeonhole.models.classical.projection import Doubles
from pigeonhole.models.trained import Floats, Labels

# `softmax`: classes exclude each other, the scores are logarithms of their shares. `one-vs-rest`: each score speaks of
# its own class alone, whose share is the score's sigmoid; shares are divided by their sum.
Link = Literal["softmax", "one-vs-rest"]


@dataclass(frozen=True)
class Scores:
    """What predicting needs, in fp64: large numbers of either sign cancel, and fp32 would lose what is left.

    Attributes:
        weights_PA: of the features.
        biases_A: added.
        square_weights_PA: of the features' squares; `None` where there are none.
        threshold: features count as 1 above it, else as 0; `None` leaves them.
    """

    weights_PA: Doubles
    biases_A: Doubles
    square_weights_PA: Doubles | None = None
    threshold: float | None = None

    def __call__(self, features_NP: Floats) -> Doubles:
        """The scores (N, A)."""
        values_NP = features_NP.astype(np.float64)
        if self.threshold is not None:
            values_NP = (values_NP > self.threshold).astype(np.float64)
        scores_NA: Doubles = values_NP @ self.weights_PA + self.biases_A
        if self.square_weights_PA is not None:
            scores_NA += np.square(values_NP) @ self.square_weights_PA
        return scores_NA

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        squares = 0 if self.square_weights_PA is None else self.square_weights_PA.size
        return self.weights_PA.size + self.biases_A.size + squares


class ScoredEstimator:
    """An estimator of scikit-learn whose probabilities follow from its scores.

    Both links keep the order of the scores, so that the class is the one that scikit-learn's `predict` gives.

    Args:
        estimator: not fitted yet.
        read: what it has learned → its scores.
        link: how probabilities follow.
        temperature: how unsure they are; scores are divided by it, and no ranking of an image's classes depends on it.

    Attributes:
        scores: of a fitted one.
    """

    scores: Scores

    def __init__(
        self, estimator: Any, read: Callable[[Any], Scores], link: Link = "softmax", temperature: float = 1.0
    ) -> None:
        self.estimator, self.read, self.link, self.temperature = estimator, read, link, temperature

    def fit(self, features_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Fits it; labels are 0 to A-1."""
        self.scores = self.read(self.estimator.fit(features_NP, labels_N, sample_weight=sample_weight))
        return self

    def predict_proba(self, features_NP: Floats) -> Doubles:
        """(N, A)."""
        logits_NA = self.scores(features_NP) / self.temperature
        if self.link == "one-vs-rest":
            logits_NA = -np.logaddexp(0, -logits_NA)
        return softmax(logits_NA)

    @property
    def n_parameters(self) -> int:
        """Numbers that predicting needs."""
        return self.scores.n_parameters


def softmax(logits_NA: Doubles) -> Doubles:
    """Shares that sum to 1."""
    exponentials_NA = np.exp(logits_NA - logits_NA.max(axis=1, keepdims=True, initial=-np.inf))
    shares_NA: Doubles = exponentials_NA / exponentials_NA.sum(axis=1, keepdims=True)
    return shares_NA


def coefficients(fitted: Any) -> Scores:
    """Of a linear estimator that scores each class; of two classes it scores the second alone."""
    weights_PA, biases_A = fitted.coef_.T.astype(np.float64), np.atleast_1d(fitted.intercept_).astype(np.float64)
    if len(biases_A) == 1:
        # One score s of the second class: the first has -s, and the sigmoids of both sum to 1.
        weights_PA, biases_A = np.hstack([-weights_PA, weights_PA]), np.concatenate([-biases_A, biases_A])
    return Scores(weights_PA, biases_A)


def half_coefficients(fitted: Any) -> Scores:
    """The same where probabilities are softmax: of two classes ±s/2 gives the second the sigmoid of s."""
    scores = coefficients(fitted)
    half = 0.5 if len(fitted.classes_) == 2 else 1.0
    return Scores(scores.weights_PA * half, scores.biases_A * half)
