"""Any uint8 image to the training shape: channels, size, padding. Knows nothing of files or models.

Axes: H height, W width, C channels (1 grey, 3 red-green-blue).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]
# ITU-R 601 luma in 16-bit fixed point: the very figures that Pillow's own conversion to grey uses.
_LUMA = np.array([19595, 38470, 7471], dtype=np.uint32)


def fit(image_HWC: NDArray[np.uint8], shape: Shape, *, invert: bool = False) -> NDArray[np.uint8]:
    """The image in the training shape, [H, W, C], 0–255; itself, to the bit, if it has that shape already.

    Shrunk by area averaging (enlarged bilinearly) with its proportions kept, and padded in the middle with the
    brightness of its own border.

    Args:
        image_HWC: any size, 1 or 3 channels.
        shape: the height, width and channels wanted.
        invert: dark becomes light first: for dark ink on white paper where training had light on dark.
    """
    height, width, channels = shape
    image_HWC = to_channels(image_HWC, channels)
    if invert:
        image_HWC = 255 - image_HWC
    if image_HWC.shape == shape:
        return image_HWC
    return _padded(_scaled(image_HWC, height, width), shape, border_C=_border_brightness(image_HWC))


def to_channels(image_HWC: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """The image as grey (1, ITU-R 601 luma) or colour (3, the grey three times); unchanged if it is so already."""
    if image_HWC.shape[2] == channels:
        return image_HWC
    if channels == 3:
        return np.repeat(image_HWC, 3, axis=2)
    luma_HW = (image_HWC.astype(np.uint32) @ _LUMA + 0x8000) >> 16
    return luma_HW.astype(np.uint8)[:, :, None]


def border(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels, each once, [P, C]."""
    if min(image_HWC.shape[:2]) < 3:
        return image_HWC.reshape(-1, image_HWC.shape[2])
    return np.concatenate([image_HWC[0], image_HWC[-1], image_HWC[1:-1, 0], image_HWC[1:-1, -1]])


def _border_brightness(image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # The median: a stroke that touches the edge must not tint the padding.
    median_C: NDArray[np.float64] = np.median(border(image_HWC), axis=0)
    return median_C.astype(np.uint8)


def _scaled(image_HWC: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    from PIL import Image

    scale = min(height / image_HWC.shape[0], width / image_HWC.shape[1])
    size = max(1, round(image_HWC.shape[1] * scale)), max(1, round(image_HWC.shape[0] * scale))
    # BOX is exact area averaging when shrinking, but blocks when enlarging.
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    grey = image_HWC.shape[2] == 1
    picture = Image.fromarray(image_HWC[:, :, 0] if grey else image_HWC)
    scaled = np.asarray(picture.resize(size, method))
    return scaled.reshape(*scaled.shape[:2], image_HWC.shape[2])


def _padded(image_HWC: NDArray[np.uint8], shape: Shape, border_C: NDArray[np.uint8]) -> NDArray[np.uint8]:
    canvas_HWC = np.empty(shape, dtype=np.uint8)
    canvas_HWC[:] = border_C
    top = (shape[0] - image_HWC.shape[0]) // 2
    left = (shape[1] - image_HWC.shape[1]) // 2
    canvas_HWC[top : top + image_HWC.shape[0], left : left + image_HWC.shape[1]] = image_HWC
    return canvas_HWC
