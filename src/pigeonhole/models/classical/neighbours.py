"""The k nearest training images, in whole-number arithmetic that is exact. Writes no files.

Axes: N images, P pixels, D components, M training images, A classes present; docs/adr/0012 says why it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pigeonhole.models.classical.projection import Doubles, directions
from pigeonhole.models.classical.recipe import Recipe
from pigeonhole.models.trained import Floats, Labels

# Directions are kept in steps of 1/65,536: products with pixels and their sums are whole numbers below 2^53.
_FINENESS = 2**16
# |x|² + |y|² + 2·|x·y| of points within this radius stays within 2^24, below which fp32 holds every whole number.
_RADIUS = 2048
_SLACK = 0.98
_BLOCK = 4_000_000
_TILE = 64


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
        squares_N = np.square(self.points(pixels_NP)).sum(axis=1).astype(np.int64)
        return keys_NK % len(self.labels_M), keys_NK // len(self.labels_M) + squares_N[:, None]

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
        """(|y|² - 2·x·y) · M + place: numbers that order by distance first and by place next; exact in fp64."""
        count = len(self.labels_M)
        keys_NM = self.points(pixels_NP).astype(np.float64) @ (self.points_DM.astype(np.float64) * (-2 * count))
        keys_NM += self.squares_M.astype(np.float64) * count + np.arange(count)
        return least(keys_NM, self.k).astype(np.int64)


def least(keys_NM: Doubles, k: int) -> Doubles:
    """The k least of each row, ascending; no two keys of a row are equal.

    They lie in the k tiles with the least minima, so only these are sorted: a tenth of the time of sorting them all.
    """
    count = keys_NM.shape[1]
    tiles = -(-count // _TILE)
    if tiles > k:
        padded = np.pad(keys_NM, ((0, 0), (0, tiles * _TILE - count)), constant_values=np.inf)
        # Column c is in tile c modulo the number of tiles: minima over the middle axis are the ones computed fast.
        tiles_NBT = padded.reshape(len(keys_NM), _TILE, tiles)
        near_NK = np.argpartition(tiles_NBT.min(axis=1), k - 1, axis=1)[:, :k]
        keys_NM = np.take_along_axis(tiles_NBT, near_NK[:, None, :], axis=2).reshape(len(keys_NM), _TILE * k)
    least_NK: Doubles = np.sort(np.partition(keys_NM, k - 1, axis=1)[:, :k], axis=1)
    return least_NK


def _knn(settings: Mapping[str, Any], seed: int) -> NearestNeighbours:
    return NearestNeighbours(**settings, seed=seed)


NEIGHBOURS: Mapping[str, Recipe] = {
    "knn": Recipe(("n_neighbors", "weights", "pca_components"), _knn, lambda fitted: fitted.n_parameters),
}
