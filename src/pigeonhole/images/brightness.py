"""What drift and warnings look at: a few brightness figures an image. Cheap enough for every request.

Axes: N images, H height, W width, C channels, P pixels, B 16 blocks (4 rows of 4, row by row), S 4 + B figures.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

BLOCKS = 4
INK_DISTANCE = 64  # a quarter of the scale
BATCH_PIXELS = 64 << 10
_CLEAR_BACKGROUND = 64.0
# Eight flags are counted at once, each in a byte of its own, which must not overflow.
_FLAGS_AT_ONCE = 8
_MOST_FLAGS = 255 * _FLAGS_AT_ONCE


def statistics(images_NHWC: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """The brightness figures of each image, all on the scale 0–255 except `ink`.

    Args:
        images_NHWC: colour counts as the mean of its channels.

    Returns:
        `mean`, `std`, `border_mean` (the outermost pixels) and `ink` (the share, 0–1, of pixels whose distance from
        the border's mean is over a quarter of the scale), each [N], and `block_means` [N, 16].
    """
    figures_NS = figures(images_NHWC)
    named = {name: figures_NS[:, column] for column, name in enumerate(("mean", "std", "border_mean", "ink"))}
    return {**named, "block_means": figures_NS[:, len(named) :]}


def figures(images_NHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same as `statistics` in one array [N, S], in that order."""
    n, size = len(images_NHWC), int(np.prod(images_NHWC.shape[1:]))
    step = max(1, min(n, BATCH_PIXELS // max(1, size)))
    figures_NS = np.empty((n, 4 + BLOCKS * BLOCKS), np.float32)
    # One piece of memory for all steps: new ones are given back to the system after each, and fetched page by page.
    pixels_NP = np.empty((step, size), np.float32)
    for start in range(0, n, step):
        some_NHWC = images_NHWC[start : start + step]
        _fill(figures_NS[start : start + step], some_NHWC, pixels_NP[: len(some_NHWC)])
    return figures_NS


def looks_inverted(image_HWC: NDArray[np.uint8], normal_border_mean: float, normal_mean: float) -> bool:
    """Whether the image is nearer to the training images with dark and light swapped: dark ink on white paper.

    Args:
        image_HWC: one image.
        normal_border_mean: the mean brightness of the training images' borders, 0–255. Where it is not clearly dark
            or light (photographs), nothing looks inverted.
        normal_mean: their mean brightness, 0–255.
    """
    if abs(normal_border_mean - 127.5) < _CLEAR_BACKGROUND:
        return False
    figures = statistics(image_HWC[None])
    border_mean, mean = float(figures["border_mean"][0]), float(figures["mean"][0])
    as_it_is = abs(border_mean - normal_border_mean) + abs(mean - normal_mean)
    swapped = abs(255 - border_mean - normal_border_mean) + abs(255 - mean - normal_mean)
    return swapped < as_it_is


def _fill(figures_NS: NDArray[np.float32], images_NHWC: NDArray[np.uint8], pixels_NP: NDArray[np.float32]) -> None:
    n, height, width, channels = images_NHWC.shape
    bytes_NP = images_NHWC.reshape(n, height * width * channels)
    pixels_NP[:] = bytes_NP
    # Mean, border and blocks in one product: 5 µs for one 28 × 28 image, where slicing takes 60.
    means = pixels_NP @ _weights(height, width, channels)
    mean, border_mean = means[:, 0], means[:, 1]
    square_mean = np.vecdot(pixels_NP, pixels_NP) / pixels_NP.shape[1]
    figures_NS[:, 0] = mean
    figures_NS[:, 1] = np.sqrt(np.maximum(square_mean - mean**2, 0))
    figures_NS[:, 2] = border_mean
    if channels == 1:
        figures_NS[:, 3] = _ink_of_bytes(bytes_NP, border_mean)
    else:
        grey_NP = pixels_NP.reshape(n, height * width, channels).mean(axis=2)
        figures_NS[:, 3] = (np.abs(grey_NP - border_mean[:, None]) > INK_DISTANCE).mean(axis=1, dtype=np.float32)
    figures_NS[:, 4:] = means[:, 2:]


def _ink_of_bytes(bytes_NP: NDArray[np.uint8], border_mean_N: NDArray[np.float32]) -> NDArray[np.float32]:
    """The share of ink; whole numbers are compared with whole limits, which takes a third of the time."""
    above_N = np.minimum(np.floor(border_mean_N + INK_DISTANCE), 255).astype(np.uint8)
    below_N = np.maximum(np.ceil(border_mean_N - INK_DISTANCE), 0).astype(np.uint8)
    ink_NP = bytes_NP > above_N[:, None]
    if below_N.any():
        ink_NP |= bytes_NP < below_N[:, None]
    n_pixels = bytes_NP.shape[1]
    if n_pixels % _FLAGS_AT_ONCE or n_pixels > _MOST_FLAGS:
        share_N: NDArray[np.float32] = ink_NP.mean(axis=1, dtype=np.float32)
        return share_N
    counts_N8 = ink_NP.view(np.uint64).sum(axis=1).view(np.uint8).reshape(-1, _FLAGS_AT_ONCE)
    shares_N: NDArray[np.float32] = counts_N8.sum(axis=1, dtype=np.float32) / np.float32(n_pixels)
    return shares_N


@functools.lru_cache(maxsize=16)
def _weights(height: int, width: int, channels: int) -> NDArray[np.float32]:
    """[P, 2 + B]: the columns average over everything, over the border, and over each block."""
    masks = np.zeros((2 + BLOCKS * BLOCKS, height, width), dtype=np.float32)
    masks[0] = 1
    masks[1] = 1
    masks[1, 1 : height - 1, 1 : width - 1] = 0
    rows, columns = _blocks(height), _blocks(width)
    for index, (row, column) in enumerate((row, column) for row in rows for column in columns):
        masks[2 + index, row, column] = 1
    masks /= masks.sum(axis=(1, 2), keepdims=True) * channels
    return np.ascontiguousarray(np.repeat(masks.reshape(len(masks), -1), channels, axis=1).T)


def _blocks(length: int) -> list[slice]:
    # A side shorter than four pixels gives blocks that share pixels, never an empty one.
    starts = [index * length // BLOCKS for index in range(BLOCKS)]
    ends = [(index + 1) * length // BLOCKS for index in range(BLOCKS)]
    return [slice(start, max(end, start + 1)) for start, end in zip(starts, ends, strict=True)]
