"""X as scikit-learn's users have it → the images a model takes. Learns a scale and nothing else.

Axes: N images, H height, W width, C channels, D = H·W·C features, G groups of features that share a scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import ArrayError
from pigeonhole.models import ModelSpec
from pigeonhole.models.classical.catalogue import ESTIMATORS
from pigeonhole.models.trained import Images

Array = npt.NDArray[Any]
Scale = npt.NDArray[np.float64]
DTYPES = (np.float64, np.float32, np.uint8)  # kept as they are; any other number becomes the first
_ROWS = 4096  # scaled at once, so that float64 is never a second copy of all images
# Networks normalise for themselves, but choose augmentation by, and estimators are tuned to, pixels of 0 to 255. So
# numbers of other scales get about the mean and the standard deviation that bytes of photographs have.
_CENTRE, _SPREAD = 128, 64


def flat(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """X with a row an image, and the images' shape where they have one; what has none stays as it is.

    No copy is made of an array.
    """
    if isinstance(X, (list, tuple)):
        X = np.asarray(X)
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) < 3:
        return X, None
    return np.asarray(X).reshape(shape[0], prod(shape[1:])), shape[1:]


def image_shape_of(
    n_features: int, came_as: tuple[int, ...] | None, wanted: Sequence[int] | None
) -> tuple[int, int, int] | None:
    """Height, width and channels of the images in X, or `None` where X is a table with a column a feature.

    Args:
        n_features: D.
        came_as: the shape of each image, if X came as images.
        wanted: the argument `image_shape`; -1 follows from the others.

    Raises:
        ArrayError: the numbers do not fit.
    """
    if wanted is not None:
        shape = _filled(tuple(wanted), n_features)
    elif came_as is not None:
        shape = came_as
    else:
        return None
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in {1, 3}:
        raise ArrayError(
            f"images of shape {shape}",
            "(height, width) or (height, width, channels) with 1 or 3 channels, after the number of images",
            "move the channels to the end, or set image_shape",
        )
    return shape[0], shape[1], shape[2]


def _filled(wanted: tuple[int, ...], n_features: int) -> tuple[int, ...]:
    known = prod(size for size in wanted if size != -1)
    filled = tuple(n_features // known if size == -1 else size for size in wanted)
    if prod(filled) != n_features:
        raise ArrayError(
            f"X with n_features = {n_features} and image_shape={wanted}",
            "an image_shape whose product is the number of features",
            "correct image_shape; None takes rows for square grey images",
        )
    return filled


def square(n_features: int, model: str) -> tuple[int, int, int]:
    """The shape of a square grey image of so many pixels.

    Raises:
        ArrayError: there is none.
    """
    side = isqrt(n_features)
    if side * side != n_features:
        raise ArrayError(
            f"X with n_features = {n_features}, which is no square image, for {model}, which takes images",
            "images (N, H, W) or (N, H, W, C); or rows, with image_shape unless they are square grey images",
            "set image_shape=(height, width) or (height, width, channels), or choose a model such as mlp-128",
        )
    return side, side, 1


def takes_tables(spec: ModelSpec) -> bool:
    """Whether it is all one to the model where a pixel is: an estimator, or a network that begins with `flatten`."""
    return spec.kind == "estimator" or "flatten" in list(spec.layers)[:1]


def takes_counts(spec: ModelSpec) -> bool:
    """Whether it learns from no number below 0."""
    return spec.estimator is not None and ESTIMATORS[str(spec.estimator["name"])].counts


@dataclass(frozen=True)
class Inputs:
    """How rows of X become images.

    Attributes:
        shape_HWC: of the images; the columns of a table are an image of one row.
        is_table: whether each column has a scale of its own; else all pixels share one.
        mean_G: what is subtracted, or `None` for uint8, which stay as they are.
        sd_G: what is divided by.
    """

    shape_HWC: tuple[int, int, int]
    is_table: bool
    mean_G: Scale | None
    sd_G: Scale | None

    @classmethod
    def learn(cls, X_ND: Array, shape_HWC: tuple[int, int, int] | None, *, from_0: bool = False) -> Inputs:
        """From the training data.

        Args:
            X_ND: it.
            shape_HWC: of the images; `None` means a table.
            from_0: whether nothing in it may become less than 0, however far it lies from the mean.
        """
        is_table = shape_HWC is None
        shape = shape_HWC or (1, X_ND.shape[1], 1)
        if X_ND.dtype == np.uint8:
            return cls(shape, is_table, None, None)
        from sklearn.preprocessing import StandardScaler

        groups, scaler = X_ND.shape[1] if is_table else 1, StandardScaler()
        for start in range(0, len(X_ND), _ROWS):
            scaler.partial_fit(X_ND[start : start + _ROWS].reshape(-1, groups))
        scale_G = scaler.scale_
        if from_0:
            below_G = scaler.mean_ - X_ND.reshape(-1, groups).min(axis=0)
            scale_G = np.maximum(scale_G, below_G * (_SPREAD / _CENTRE * (1 + 1e-6)))
        return cls(shape, is_table, scaler.mean_, scale_G)

    def images(self, X_ND: Array) -> Images:
        """Images (N, H, W, C): uint8 as they are, or float32 around 128.

        Raises:
            ArrayError: the model was trained on uint8, and these are no such numbers.
        """
        if self.mean_G is None or self.sd_G is None:
            return self.pixels(X_ND)
        scaled_ND = np.empty(X_ND.shape, np.float32)
        with np.errstate(over="ignore"):  # whoever predicts refuses what is not finite
            for start in range(0, len(X_ND), _ROWS):
                rows = X_ND[start : start + _ROWS]
                scaled = (rows.reshape(-1, len(self.mean_G)) - self.mean_G) / self.sd_G
                scaled_ND[start : start + _ROWS] = scaled.reshape(rows.shape) * _SPREAD + _CENTRE
        return scaled_ND.reshape(len(X_ND), *self.shape_HWC)

    def pixels(self, X_ND: Array) -> npt.NDArray[np.uint8]:
        """Images (N, H, W, C) as uint8.

        Raises:
            ArrayError: the numbers are no whole ones from 0 to 255.
        """
        return _bytes(X_ND).reshape(len(X_ND), *self.shape_HWC)

    def check_shape(self, came_as: tuple[int, ...] | None) -> None:
        """Refuses images of another shape than the training images had.

        Raises:
            ArrayError: they have.
        """
        expected = self.shape_HWC
        if came_as is None or came_as == expected or (*came_as, 1) == expected:
            return
        raise ArrayError(
            f"images of shape {came_as}",
            f"{expected}, as in fit, or rows of {prod(expected)} numbers",
            "resize the images to the training images' shape",
        )


def _bytes(X_ND: Array) -> npt.NDArray[np.uint8]:
    if X_ND.dtype == np.uint8:
        return X_ND
    as_bytes = np.clip(X_ND, 0, 255).astype(np.uint8)
    if not np.array_equal(as_bytes, X_ND):
        raise ArrayError(
            f"X of type {X_ND.dtype} with numbers that are no whole ones from 0 to 255",
            "uint8, on which this classifier was fitted, or the same numbers in another type",
            "pass raw pixels, or fit on such numbers as these",
        )
    return as_bytes
