"""The k nearest training images, in whole-number arithmetic that is exact. Writes no files.

Axes: N images, P pixels, D components, M training images, A classes present; docs/adr/0012 says why it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pigeonhole.models.classical.projection import directions
from pigeonhole.models.classical.recipe import Recipe
from pigeonhole.models.trained import Floats, Labels

# Directions are kept in steps of 1/65,536: products with pixels and their sums are whole numbers below 2^53.
_FINENESS = 2**16
# |x|² + |y|² + 2·|x·y| of points within this radius stays within 2^24, below which fp32 holds every whole number.
_RADIUS = 2048
_SLACK = 0.98
_BLOCK = 4_000_000


class NearestNeighbours:
    """Brute force over the principal components of all training images, rounded to whole numbers.

    Two images that are equally far away are a tie wherever it is computed, and the one that came first in training
    wins it: distances that differ in the last bit from one library to another would change votes.

    Args:
        n_neighbors: k; all training images where there are fewer.
        weights: `uniform`, or `distance`: a vote counts the inverse of its distance.
        pca_components: D; fewer where the images or pixels are fewer.
        seed: for the principal components.

    Attributes:
        matrix_PD: pixels 0–255 → components, whole numbers in fp64.
        offset_D: what the mean image gives; whole numbers.
        step: whole components are multiplied by it and rounded.
        points_DM: the training images' components; whole numbers in fp32.
        squares_M: their squared lengths.
        labels_M: their classes.
        class_weights_A: what a vote for a class counts.
    """

    def __init__(
        self, *, n_neighbors: int = 5, weights: str = "distance", pca_components: int = 50, seed: int = 0
    ) -> None:
        self.n_neighbors, self.weights, self.pca_components, self.seed = n_neighbors, weights, pca_components, seed

    def fit(self, pixels_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Keeps the images; labels are 0 to A-1, and images of one class weigh the same."""
        found_PD, mean_P = directions(pixels_NP, self.pca_components, self.seed)
        self.matrix_PD = np.rint(found_PD * _FINENESS)
        self.offset_D = np.rint(mean_P @ self.matrix_PD)
        # No image of bytes is farther from the mean than this.
        farthest = float(np.linalg.norm(np.maximum(mean_P, 255 - mean_P)))
        radius = _SLACK * _RADIUS - np.sqrt(len(self.offset_D))
        self.step = radius / (farthest * _FINENESS)
        points_MD = self.points(pixels_NP)
        self.points_DM = np.ascontiguousarray(points_MD.T)
        self.squares_M = np.square(points_MD).sum(axis=1)
        self.labels_M = labels_N
        weights_N = np.ones(len(labels_N)) if sample_weight is None else sample_weight
        self.class_weights_A = (np.bincount(labels_N, weights_N) / np.bincount(labels_N)).astype(np.float32)
        self.k = min(self.n_neighbors, len(labels_N))
        return self

    def points(self, pixels_NP: Floats) -> Floats:
        """Components (N, D), whole numbers in fp32."""
        whole_ND = pixels_NP.astype(np.float64) @ self.matrix_PD - self.offset_D
        points_ND: Floats = np.rint(whole_ND * self.step).astype(np.float32)
        return points_ND

    def neighbours(self, pixels_NP: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The k nearest training images (N, k), nearest first, and their squared distances."""
        rows = max(1, _BLOCK // len(self.labels_M))
        blocks = [self._nearest(pixels_NP[start : start + rows]) for start in range(0, len(pixels_NP), rows)]
        keys_NK = np.concatenate([np.zeros((0, self.k), np.int64), *blocks])
        return keys_NK % len(self.labels_M), keys_NK // len(self.labels_M)

    def predict_proba(self, pixels_NP: Floats) -> Floats:
        """(N, A): each class's share of the votes."""
        nearest_NK, squared_NK = self.neighbours(pixels_NP)
        votes_NKA = np.eye(len(self.class_weights_A), dtype=np.float32)[self.labels_M[nearest_NK]]
        votes_NKA *= self.class_weights_A
        if self.weights == "distance":
            # The least distance between different points is 1; equal ones count as if they had it.
            votes_NKA /= np.sqrt(np.maximum(squared_NK, 1).astype(np.float32))[:, :, None]
        votes_NA = votes_NKA.sum(axis=1)
        shares_NA: Floats = votes_NA / votes_NA.sum(axis=1, keepdims=True)
        return shares_NA

    @property
    def n_parameters(self) -> int:
        """Numbers kept: components and class of each training image, and the projection."""
        return self.points_DM.size + len(self.labels_M) + self.matrix_PD.size + self.offset_D.size

    def _nearest(self, pixels_NP: Floats) -> npt.NDArray[np.int64]:
        """Squared distance · M + place, so that one number orders by distance first and place next; exact."""
        points_ND = self.points(pixels_NP)
        squared_NM = np.square(points_ND).sum(axis=1, keepdims=True) + self.squares_M
        squared_NM -= 2 * (points_ND @ self.points_DM)
        keys_NM = squared_NM.astype(np.int64) * len(self.labels_M) + np.arange(len(self.labels_M))
        nearest_NK = np.partition(keys_NM, self.k - 1, axis=1)[:, : self.k]
        nearest_NK.sort(axis=1)
        return nearest_NK


def _knn(settings: Mapping[str, Any], seed: int) -> NearestNeighbours:
    return NearestNeighbours(**settings, seed=seed)


NEIGHBOURS: Mapping[str, Recipe] = {
    "knn": Recipe(("n_neighbors", "weights", "pca_components"), _knn, lambda fitted: fitted.n_parameters),
}
