"""`.npy` files, and images of one shape one after the other in general: read in pieces where they stand, or forwards.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError
from pigeonhole.data.origins import Numbered
from pigeonhole.data.plain import readable
from pigeonhole.data.unlabelled.image_set import (
    ImageOptions,
    ImageSet,
    Pixels,
    Portion,
    affordable,
    begins,
    file_stamp,
    image_shape,
    starts,
)
from pigeonhole.images import Shape

_MAGIC = b"\x93NUMPY"
_HEADERS: dict[tuple[int, int], Callable[[Any], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_TO_BYTES = "convert it first: numpy.clip(numpy.rint(images * 255), 0, 255).astype('uint8') for values from 0 to 1"


@dataclass(frozen=True)
class Layout:
    """Images of one shape one after the other.

    Args:
        count: how many.
        shape_HWC: of each.
        offset: where the first begins, in bytes.
    """

    count: int
    shape_HWC: Shape
    offset: int

    @property
    def image_bytes(self) -> int:
        """The bytes of one image."""
        return math.prod(self.shape_HWC)


class NpyFile:
    """One array in a file of its own."""

    kind = "npy"
    accepts = "a .npy file (uint8; images, height, width[, channels])"

    def matches(self, path: Path) -> bool:
        """True for a file that begins as `.npy` files do."""
        return path.is_file() and begins(path, _MAGIC)

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Reads the header and compares it with the size of the file. See `Kind.open`."""
        options.refuse(self.kind, "label", "images")
        with readable(path), path.open("rb") as file:
            layout = read_layout(file, str(path), options.shape)
        size = path.stat().st_size - layout.offset
        if size != layout.count * layout.image_bytes:
            raise DataError(
                f"{path} has {size:,} bytes of images",
                f"the {layout.count * layout.image_bytes:,} that its header announces",
                "the file is damaged or still being written: fetch or write it again",
            )
        return in_place(path, layout, self.kind, "row")


def in_place(path: Path, layout: Layout, kind: str, noun: str) -> ImageSet:
    """The images of an uncompressed file, each portion read by whoever needs it."""

    def read(first: int, size: int) -> Iterator[Portion]:
        for start, n in starts(first, layout.count, affordable(size, layout.image_bytes)):
            yield Portion(start, Numbered(f"{path.name} {noun}", start, n), partial(_piece, path, layout, start, n))

    return ImageSet(kind, path.name, file_stamp(path), read, layout.count)


def _piece(path: Path, layout: Layout, start: int, n: int) -> Pixels:
    # Not a memory map: a file cut short meanwhile would be a signal that ends the process, and pages of a map count
    # as this process's memory. The copy takes 0.3 % of the time of a small network.
    offset = layout.offset + start * layout.image_bytes
    values = np.fromfile(path, np.uint8, n * layout.image_bytes, offset=offset)
    if len(values) < n * layout.image_bytes:
        raise OSError(f"{path} ends in image {start + len(values) // layout.image_bytes:,}")
    return Pixels(values.reshape(n, *layout.shape_HWC))


def forwards(file: Any, layout: Layout, words: str, first: int, size: int) -> Iterator[Portion]:
    """The images of something that can only be read forwards, from row `first` on.

    Args:
        file: has `read(size)`, and stands at its beginning.
        layout: what is in it.
        words: what stands before a row's number in its name.
        first: the row to begin at.
        size: images a portion.

    Raises:
        DataError: the content ends early.
    """
    _skip(file, layout.offset + first * layout.image_bytes)
    for start, n in starts(first, layout.count, affordable(size, layout.image_bytes)):
        content = file.read(n * layout.image_bytes)
        if len(content) < n * layout.image_bytes:
            raise DataError(
                f"{words} {start + len(content) // layout.image_bytes:,}: the content ends here",
                f"{layout.count:,} images, as the header announces",
                "the file is truncated: fetch or write it again",
            )
        pixels = Pixels(np.frombuffer(content, np.uint8).reshape(n, *layout.shape_HWC))
        yield Portion(start, Numbered(words, start, n), partial(_ready, pixels))


def _ready(pixels: Pixels) -> Pixels:
    return pixels


def _skip(file: Any, size: int) -> None:
    while size > 0:
        got = len(file.read(min(size, 1 << 20)))
        if not got:
            return
        size -= got


def read_layout(file: Any, what: str, shape: Shape | None) -> Layout:
    """The layout of the array that begins in `file`.

    Raises:
        DataError: it is no array of uint8 images in C order.
    """
    try:
        version = np.lib.format.read_magic(file)
        dimensions, fortran, dtype = _HEADERS[version](file)
    except (ValueError, KeyError, EOFError) as error:
        raise DataError(f"{what}: the header cannot be read ({error})", "NumPy's format 1.0 or 2.0", _AGAIN) from error
    if dtype != np.uint8 or dtype.hasobject:
        raise DataError(f"{what} has values of type {dtype}", "uint8, 0 to 255", _TO_BYTES)
    if fortran:
        raise DataError(f"{what} is in Fortran order", "C order", "save numpy.ascontiguousarray(images)")
    if not dimensions or dimensions[0] == 0:
        raise DataError(f"{what} has the shape {dimensions}", "at least one image", "give the file with the images")
    return Layout(dimensions[0], image_shape(dimensions, shape, what), file.tell())


_AGAIN = "write it again with numpy.save"
