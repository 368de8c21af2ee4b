"""An RBF support vector machine on principal components. scikit-learn fits it; predicting needs NumPy only.

Axes: N images, P pixels, D components, S support vectors, A classes present; docs/adr/0012 says why it is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pigeonhole.core.optional import require
from pigeonhole.models.classical.projection import Doubles, Projection, project
from pigeonhole.models.classical.recipe import Recipe, random_state
from pigeonhole.models.trained import Floats, Labels

_CACHE_MIB = 500


class SupportVectorMachine:
    """Pairwise machines, and probabilities from a smooth count of what they decide.

    scikit-learn's `SVC(probability=True)` is deprecated, and its probabilities can contradict its own `predict`. Here
    class a scores `-Σ_b softplus(-steepness · d_ab)`, where d_ab is the decision between a and b: with a large
    steepness that class wins that wins most pairs, and by the larger margins where two win as many. The probabilities
    are the softmax of the scores divided by `temperature`. All of it is smooth, so a rounding error moves no vote; and
    in fp64, since large weights of either sign cancel where classes overlap, and fp32 would lose what is left.

    Args:
        C: price of a training image on the wrong side of the margin.
        gamma: inverse squared width of the kernel, in units of 1/(D · variance of the features).
        pca_components: D; 0 leaves the pixels as they are.
        steepness: how sharply a pair decides.
        temperature: how unsure the probabilities are; no ranking of an image's classes depends on it.
        tol: where libsvm stops.
        seed: for the principal components.

    Attributes:
        projection: pixels → features, or `None`.
        vectors_SD: support vectors, in order of their classes.
        gamma_: the kernel's inverse squared width.
        deciding_S: which of the images it was last fitted on are its support vectors.
        starts: where each class begins in `vectors_SD`, and their number.
        weights_SA: a support vector's weight in the decision between its own class and another.
        biases_AA: of the decision between two classes; antisymmetric.
        signs_AA: 1 above the diagonal, -1 below, 0 on it.
    """

    def __init__(
        self,
        *,
        C: float = 10.0,
        gamma: float = 1.0,
        pca_components: int = 50,
        steepness: float = 8.0,
        temperature: float = 1.0,
        tol: float = 1e-3,
        seed: int = 0,
    ) -> None:
        self.C, self.gamma, self.tol, self.seed = C, gamma, tol, seed
        self.pca_components, self.steepness, self.temperature = pca_components, steepness, temperature

    def fit(self, pixels_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Fits all pairs at once; labels are 0 to A-1."""
        self.projection: Projection | None = None
        if self.pca_components:
            self.projection = project(pixels_NP, self.pca_components, self.seed)
        features_ND = self._features(pixels_NP)
        spread = features_ND.shape[1] * float(features_ND.var())
        self.gamma_ = self.gamma / (spread or 1.0)
        self._solve(features_ND, labels_N, sample_weight)
        return self

    def refit(self, blocks: Iterable[Floats], labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Fits the pairs again on other images, given in blocks of pixels; projection and width of the kernel stay."""
        self._solve(np.concatenate([self._features(block) for block in blocks]), labels_N, sample_weight)
        return self

    def decisions(self, pixels_NP: Floats) -> Doubles:
        """(N, A, A): positive where the pair decides for the class of the row; antisymmetric."""
        kernel_NS = self._kernel(self._features(pixels_NP))
        weights_SA = self.weights_SA.astype(np.float64)
        blocks = zip(self.starts, self.starts[1:], strict=False)
        own_NAA = np.stack([kernel_NS[:, a:b] @ weights_SA[a:b] for a, b in blocks], axis=1)
        decisions_NAA: Doubles = (own_NAA + own_NAA.transpose(0, 2, 1)) * self.signs_AA + self.biases_AA
        return decisions_NAA

    def predict_proba(self, pixels_NP: Floats) -> Doubles:
        """(N, A)."""
        against_NAA = np.logaddexp(0, -self.steepness * self.decisions(pixels_NP))
        scores_NA = against_NAA.sum(axis=2) / -self.temperature
        exponentials_NA = np.exp(scores_NA - scores_NA.max(axis=1, keepdims=True, initial=-np.inf))
        probs_NA: Doubles = exponentials_NA / exponentials_NA.sum(axis=1, keepdims=True)
        return probs_NA

    @property
    def n_parameters(self) -> int:
        """Support vectors, their weights, biases and the projection."""
        n_classes = len(self.biases_AA)
        own: int = self.vectors_SD.size + len(self.vectors_SD) * (n_classes - 1) + n_classes * (n_classes - 1) // 2
        return own + (self.projection.matrix_PD.size + self.projection.offset_D.size if self.projection else 0)

    def _features(self, pixels_NP: Floats) -> Doubles:
        return pixels_NP.astype(np.float64) if self.projection is None else self.projection(pixels_NP)

    def _kernel(self, features_ND: Doubles) -> Doubles:
        """exp(-γ·|x - s|²), the square taken apart."""
        vectors_SD = self.vectors_SD.astype(np.float64)
        exponents_NS = features_ND @ vectors_SD.T * (2 * self.gamma_)
        exponents_NS -= self.gamma_ * np.square(features_ND).sum(axis=1, keepdims=True)
        exponents_NS -= self.gamma_ * np.square(vectors_SD).sum(axis=1)
        kernel_NS: Doubles = np.exp(exponents_NS, out=exponents_NS)
        return kernel_NS

    def _solve(self, features_ND: Doubles, labels_N: Labels, sample_weight: Floats | None) -> None:
        svm = require("sklearn.svm", extra="train")
        machine = svm.SVC(
            C=self.C,
            gamma=self.gamma_,
            tol=self.tol,
            cache_size=_CACHE_MIB,
            decision_function_shape="ovo",
            random_state=random_state(self.seed),  # unused, but without it the caller's random stream moves on
        )
        self._take(machine.fit(features_ND, labels_N, sample_weight))

    def _take(self, machine: Any) -> None:
        """Keeps what predicting needs, rounded to fp32; a decision is positive for the first class of its pair."""
        n_classes = len(machine.classes_)
        # scikit-learn turns the sign of a lone pair around, so that it is positive for the second class.
        sign = -1 if n_classes == 2 else 1
        self.deciding_S: npt.NDArray[np.integer[Any]] = machine.support_
        self.vectors_SD = machine.support_vectors_.astype(np.float32)
        self.starts = [0, *np.cumsum(machine.n_support_).tolist()]
        self.weights_SA = np.zeros((len(self.vectors_SD), n_classes), np.float32)
        for k in range(n_classes):
            block = slice(self.starts[k], self.starts[k + 1])
            others = [other for other in range(n_classes) if other != k]
            # Row r of the dual coefficients belongs to the r-th of the other classes.
            self.weights_SA[block, others] = sign * machine.dual_coef_[:, block].T
        upper = np.triu_indices(n_classes, 1)
        self.biases_AA = np.zeros((n_classes, n_classes), np.float32)
        self.biases_AA[upper] = sign * machine.intercept_
        self.biases_AA -= self.biases_AA.T
        self.signs_AA = np.sign(np.subtract.outer(-np.arange(n_classes), -np.arange(n_classes))).astype(np.float32)


def _svm_rbf(settings: Mapping[str, Any], seed: int) -> SupportVectorMachine:
    return SupportVectorMachine(**settings, seed=seed)


SUPPORT_VECTOR: Mapping[str, Recipe] = {
    "svm-rbf": Recipe(
        ("C", "gamma", "pca_components", "steepness", "temperature", "tol", "virtual_shifts"),
        _svm_rbf,
        lambda fitted: fitted.n_parameters,
        divisor=255,
    ),
}
