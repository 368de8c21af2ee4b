"""What stands between pixels and an estimator: scikit-learn's scalers and principal components, computed exactly.

scikit-learn fits them on pixels from 0 to 1; applying them needs NumPy only. Every step is one rounding of an exact
value (docs/adr/0012), so that ONNX Runtime gives the same features to the last bit.

Axes: N images, P pixels, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pigeonhole.core.optional import require
from pigeonhole.models.classical.projection import Doubles, directions
from pigeonhole.models.trained import Floats

WHITE = 255
# Directions are kept in steps of 1/65,536: products with pixels and their sums are whole numbers below 2^53.
FINENESS = 2**16
# Each scaler's class in scikit-learn, and its attribute for what is subtracted.
_CLASSES = {
    "min-max": ("MinMaxScaler", None),
    "max-abs": ("MaxAbsScaler", None),
    "standard": ("StandardScaler", "mean_"),
    "robust": ("RobustScaler", "center_"),
}
_BLOCK = 2000
_TAIL = 1e-4


@dataclass(frozen=True)
class Grid:
    """Whole numbers from 0 to `levels`, for estimators that split or count.

    Attributes:
        low: the feature that is 0; what is below it is 0 too.
        step: a feature's distance from `low` is multiplied by it and rounded.
        levels: the highest.
    """

    low: float
    step: float
    levels: int

    def __call__(self, features_ND: Doubles) -> Doubles:
        """Each feature's place."""
        places_ND: Doubles = np.clip(np.rint((features_ND - self.low) * self.step), 0, self.levels)
        return places_ND


@dataclass(frozen=True)
class Scaler:
    """A fitted scaler.

    Attributes:
        matrix_PD: pixels 0–255 → components, whole numbers in fp64; `None` leaves the pixels.
        offset_D: subtracted; whole numbers where there is a matrix.
        factor_D: multiplies what is left.
        normalizes: each image is divided by its length.
        grid: where the features are put at last, if anywhere.
    """

    matrix_PD: Doubles | None
    offset_D: Doubles
    factor_D: Doubles
    normalizes: bool = False
    grid: Grid | None = None

    def __call__(self, pixels_NP: Floats) -> Floats:
        """Features of pixels 0–255, fp32."""
        blocks = [self._block(pixels_NP[start : start + _BLOCK]) for start in range(0, len(pixels_NP), _BLOCK)]
        return np.concatenate([np.zeros((0, len(self.offset_D)), np.float32), *blocks])

    def exactly(self, pixels_NP: Floats) -> Doubles:
        """The features in fp64, before any grid."""
        values_ND = pixels_NP.astype(np.float64)
        if self.normalizes:
            squares_N1 = np.square(values_ND).sum(axis=1, keepdims=True)
            normalized_ND: Doubles = values_ND / np.sqrt(np.maximum(squares_N1, 1))
            return normalized_ND
        if self.matrix_PD is not None:
            values_ND = values_ND @ self.matrix_PD
        return (values_ND - self.offset_D) * self.factor_D

    @property
    def n_parameters(self) -> int:
        """Numbers in it."""
        if self.normalizes:
            return 0
        return 2 * self.offset_D.size if self.matrix_PD is None else self.matrix_PD.size + self.offset_D.size

    def _block(self, pixels_NP: Floats) -> Floats:
        features_ND = self.exactly(pixels_NP)
        return (features_ND if self.grid is None else self.grid(features_ND)).astype(np.float32)


def fit_scaler(kind: str, pixels_NP: Floats, *, components: int, levels: int | None, seed: int) -> Scaler:
    """The scaler of that kind.

    Args:
        kind: a value of the parameter `scaler`, but not `none`.
        pixels_NP: training images, 0–255.
        components: D of `pca`; fewer where the images or pixels are fewer.
        levels: the features are put on whole numbers from 0 to this; `None` leaves them.
        seed: for the principal components.
    """
    if kind == "pca":
        scaler = _components(pixels_NP, components, seed)
    elif kind == "normalizer":
        ones_P = np.ones(pixels_NP.shape[1])
        scaler = Scaler(None, 0 * ones_P, ones_P, normalizes=True)
    else:
        scaler = _per_pixel(kind, pixels_NP)
    if levels is None:
        return scaler
    return Scaler(
        scaler.matrix_PD, scaler.offset_D, scaler.factor_D, scaler.normalizes, _grid(scaler, pixels_NP, levels)
    )


def _components(pixels_NP: Floats, components: int, seed: int) -> Scaler:
    found_PD, mean_P = directions(pixels_NP, components, seed)
    matrix_PD = np.rint(found_PD * FINENESS)
    return Scaler(matrix_PD, np.rint(mean_P @ matrix_PD), np.full(matrix_PD.shape[1], 1 / (FINENESS * WHITE)))


def _per_pixel(kind: str, pixels_NP: Floats) -> Scaler:
    """In units of pixels: (x / 255 - offset) / scale is (x - 255 · offset) · (1 / (255 · scale))."""
    name, offset = _CLASSES[kind]
    fitted = getattr(require("sklearn.preprocessing", extra="train"), name)().fit(pixels_NP / np.float32(WHITE))
    scale_P = np.asarray(fitted.scale_, np.float64)
    factor_P = scale_P if kind == "min-max" else 1 / scale_P
    if kind == "min-max":
        # Not scikit-learn's, whose rounding would make some features less than 0.
        return Scaler(None, pixels_NP.min(axis=0).astype(np.float64), factor_P / WHITE)
    offset_P = np.zeros(len(scale_P)) if offset is None else np.asarray(getattr(fitted, offset), np.float64)
    return Scaler(None, offset_P * WHITE, factor_P / WHITE)


def _grid(scaler: Scaler, pixels_NP: Floats, levels: int) -> Grid:
    """Between the features that hardly any is below or above; told from 2,000 images, evenly picked."""
    picked = np.unique(np.linspace(0, len(pixels_NP) - 1, _BLOCK).astype(np.int64))
    low, high = np.quantile(scaler.exactly(pixels_NP[picked]), (_TAIL, 1 - _TAIL))
    return Grid(float(low), float(levels / ((high - low) or 1.0)), levels)
