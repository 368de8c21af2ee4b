"""An image file from anywhere to what a model was trained on, with warnings where it looks unlike that.

Axes: H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pigeonhole.images.brightness import looks_inverted
from pigeonhole.images.decoding import Limits, decode
from pigeonhole.images.sizing import Shape, fit

FAR_LARGER = 4.0
FAR_SMALLER = 0.5
FAR_PROPORTION = 1.5


@dataclass(frozen=True)
class Normal:
    """What the training images look like: the mean brightness of their borders and of the whole, 0–255."""

    border_mean: float
    mean: float


@dataclass(frozen=True)
class Prepared:
    """An image in the training shape, and what a person should know about how it got there."""

    image_HWC: NDArray[np.uint8]
    warnings: list[str]


def prepare(
    content: bytes,
    shape: Shape,
    *,
    invert: bool = False,
    reference: Normal | None = None,
    limits: Limits | None = None,
    source: str = "image",
) -> Prepared:
    """The image decoded and brought to the training shape.

    Args:
        content: a PNG or JPEG file.
        shape: the training shape (H, W, C).
        invert: swap dark and light.
        reference: what the training images look like; without it nothing is said about inversion.
        limits: see `decode`.
        source: what the image is called in a message.

    Raises:
        DataError: it cannot be decoded, or is over the limits.
    """
    image_HWC = decode(content, channels=shape[2], limits=limits, source=source)
    return prepare_pixels(image_HWC, shape, invert=invert, reference=reference)


def prepare_pixels(
    image_HWC: NDArray[np.uint8], shape: Shape, *, invert: bool = False, reference: Normal | None = None
) -> Prepared:
    """The same for an image that is decoded already; see `prepare`."""
    fitted_HWC = fit(image_HWC, shape, invert=invert)
    warnings = _size_warnings(image_HWC.shape[:2], shape)
    if reference and looks_inverted(fitted_HWC, reference.border_mean, reference.mean):
        warnings.append(_inversion_warning(reference, invert))
    return Prepared(fitted_HWC, warnings)


def _inversion_warning(reference: Normal, invert: bool) -> str:
    training = "light on dark" if reference.border_mean < 128 else "dark on light"
    way_out = "leave out invert" if invert else 'send "invert": true, or use --invert'
    return f"the image looks inverted: the model was trained on {training}; {way_out} to turn it"


def _size_warnings(size: tuple[int, ...], shape: Shape) -> list[str]:
    height, width = size
    scale = max(height / shape[0], width / shape[1])
    sizes = f"the image is {width} × {height} pixels, the training images {shape[1]} × {shape[0]}"
    warnings = []
    if scale > FAR_LARGER or scale < FAR_SMALLER:
        warnings.append(f"{sizes}: far from the training size, so detail is {'lost' if scale > 1 else 'missing'}")
    proportion = (width / height) / (shape[1] / shape[0])
    if max(proportion, 1 / proportion) > FAR_PROPORTION:
        warnings.append(f"{sizes}: other proportions, so it was padded")
    return warnings
