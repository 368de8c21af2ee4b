"""Virtual images: copies shifted by a pixel, of the same class, of those images alone that decide.

A small shift leaves an image's class alone, so a machine that was fitted is fitted again on its support vectors and
their shifted copies (DeCoste and Schölkopf, 2002).

Axes: N images, S of them that decide, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pigeonhole.models.trained import Floats, Images, Labels

# Down and right, in pixels: four neighbours first, then the diagonal ones.
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
NUMBERS = (0, 4, 8)


class Refits(Protocol):
    """An estimator that some images decide, and that can be fitted again on others."""

    deciding_S: npt.NDArray[np.integer[Any]]

    def refit(self, blocks: Iterable[Floats], labels_N: Labels, sample_weight: Floats | None = None) -> Any:
        """Fits it again on the blocks' pixels; what it learnt of pixels in general stays."""


def shifted(images_NHWC: Images, down: int, right: int) -> Images:
    """The images moved by so many pixels; what comes in repeats the edge, whatever the background is."""
    height, width = images_NHWC.shape[1:3]
    rows_H = np.clip(np.arange(height) - down, 0, height - 1)
    columns_W = np.clip(np.arange(width) - right, 0, width - 1)
    return images_NHWC[:, rows_H[:, None], columns_W]


def refit_shifted(
    estimator: Refits,
    images_NHWC: Images,
    labels_N: Labels,
    weights_N: Floats | None,
    *,
    shifts: int,
    features: Callable[[Images], Floats],
) -> None:
    """Fits it again on the images that decided, and on each of them shifted in the first so many directions.

    Args:
        estimator: fitted on all of the images.
        images_NHWC: training images.
        labels_N: their classes, as when it was fitted.
        weights_N: their weights; a copy weighs what its image does.
        shifts: one of `NUMBERS`; 0 leaves the estimator as it is.
        features: what the estimator takes of images.
    """
    if not shifts:
        return
    deciding_S = estimator.deciding_S
    images_SHWC = images_NHWC[deciding_S]
    moves = ((0, 0), *SHIFTS[:shifts])
    blocks = (features(shifted(images_SHWC, *move)) for move in moves)
    weights = None if weights_N is None else np.tile(weights_N[deciding_S], len(moves))
    estimator.refit(blocks, np.tile(labels_N[deciding_S], len(moves)), weights)
