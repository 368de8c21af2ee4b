"""Naive Bayes, by scikit-learn: each pixel speaks for itself. Scores are linear in the features or their squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pigeonhole.core.errors import DataError
from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import Recipe
from pigeonhole.models.classical.scores import ScoredEstimator, Scores
from pigeonhole.models.trained import Floats, Labels

_NEGATIVE = dict.fromkeys(("standard", "robust", "pca"), "its features can be negative, which no count is")
_DIM = {
    "normalizer": "a feature's brightness would depend on how many others are lit, and hardly one reaches the threshold"
}


def _gaussian(fitted: Any) -> Scores:
    """-(x - μ)²/2σ² is -x²/2σ² + x·μ/σ² - μ²/2σ²."""
    variance_AP, mean_AP = np.asarray(fitted.var_, np.float64), np.asarray(fitted.theta_, np.float64)
    # No variance at all, smoothed or not, is that of images of one colour, which any will do for.
    inverse_AP = 1 / np.where(variance_AP > 0, variance_AP, 1)
    constants_A = np.log(inverse_AP).sum(axis=1) / 2 - (np.square(mean_AP) * inverse_AP).sum(axis=1) / 2
    return Scores((mean_AP * inverse_AP).T, constants_A + np.log(fitted.class_prior_), -inverse_AP.T / 2)


def _multinomial(fitted: Any) -> Scores:
    return Scores(np.asarray(fitted.feature_log_prob_, np.float64).T, np.asarray(fitted.class_log_prior_, np.float64))


def _bernoulli(fitted: Any) -> Scores:
    lit_AP = np.asarray(fitted.feature_log_prob_, np.float64)
    dark_AP = np.log(-np.expm1(lit_AP))
    biases_A = np.asarray(fitted.class_log_prior_, np.float64) + dark_AP.sum(axis=1)
    return Scores((lit_AP - dark_AP).T, biases_A, threshold=float(fitted.binarize))


class Counts(ScoredEstimator):
    """Of features that are counts."""

    def fit(self, features_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Fits it.

        Raises:
            DataError: a feature is below 0.
        """
        if features_NP.min(initial=0) < 0:
            raise DataError(
                f"a pixel of {float(features_NP.min()) * 255:g}: multinomial naive Bayes counts pixels",
                "pixels of 0 or more",
                "take the preset gaussian-naive-bayes, or shift the pixels",
            )
        return super().fit(features_NP, labels_N, sample_weight)


def _recipe(kind: str, read: Any, own: tuple[str, ...], refuses: Mapping[str, str]) -> Recipe:
    scored = Counts if kind == "MultinomialNB" else ScoredEstimator

    def make(settings: Mapping[str, Any], seed: int) -> ScoredEstimator:  # noqa: ARG001 - nothing is drawn
        bayes = require("sklearn.naive_bayes", extra="train")
        known = {name: value for name, value in settings.items() if name != "temperature"}
        return scored(getattr(bayes, kind)(**known), read, temperature=settings.get("temperature", 1.0))

    names = (*own, "temperature")
    return Recipe(
        names, make, lambda fitted: fitted.n_parameters, divisor=255, refuses=refuses, counts=scored is Counts
    )


BAYES: Mapping[str, Recipe] = {
    "gaussian-naive-bayes": _recipe("GaussianNB", _gaussian, ("var_smoothing",), {}),
    "multinomial-naive-bayes": _recipe("MultinomialNB", _multinomial, ("alpha",), _NEGATIVE),
    "bernoulli-naive-bayes": _recipe("BernoulliNB", _bernoulli, ("alpha", "binarize"), _DIM),
}
