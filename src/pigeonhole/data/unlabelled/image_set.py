"""What a place of images gives for predicting: portions that can be begun at any row. Knows no format.

Axes: N images, H height, W width, C channels (1 grey, 3 red-green-blue).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.images import Limits, Shape


@dataclass(frozen=True)
class ImageOptions:
    """What a user says about images that the place itself cannot say.

    Args:
        label: a column of a table that is no pixel and is left alone; `None` leaves one called `label` alone.
        shape: height, width and channels of images that come as a row of numbers; `None` derives them, or refuses.
        images: the array of an npz file, or the column of a Parquet file; `None` takes `images` or `image`, or the
            only one there is.
        limits: size limits an image.
    """

    label: str | None = None
    shape: Shape | None = None
    images: str | None = None
    limits: Limits = field(default_factory=Limits)

    def refuse(self, kind: str, *names: str) -> None:
        """For places that some options mean nothing to: one that would be ignored is an error, not a silence.

        Raises:
            UsageError: an option among `names` was given.
        """
        given = [name for name in names if getattr(self, name) is not None]
        if given:
            raise UsageError(
                f"{' and '.join(given)} for images of the kind {kind!r}",
                "label with CSV; shape with rows of numbers; images with npz and Parquet",
                "leave it out",
            )


@dataclass(frozen=True)
class Pixels:
    """Images of one size.

    Args:
        images_NHWC: uint8.
        damaged: place in the portion → what is wrong there; the pixels at such a place mean nothing.
    """

    images_NHWC: NDArray[np.uint8]
    damaged: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """Image files, not decoded.

    Args:
        readers: each gives one file's bytes, or raises `OSError` (worth another try) or `DataError` (not).
    """

    readers: Sequence[Callable[[], bytes]]


@dataclass(frozen=True)
class Portion:
    """Some consecutive images.

    Args:
        start: the row of the first, from 0.
        names: where each stands, in the user's words (`test.csv row 7`, `scans/1.png`).
        load: reads them, in whatever thread calls it; `OSError` is worth another try.
    """

    start: int
    names: Sequence[str]
    load: Callable[[], Pixels | Encoded]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class ImageSet:
    """A place of images that has been opened.

    Args:
        kind: `npy`, `csv`, `folder`, …
        title: what the images are, honestly.
        stamp: changes when the content may have changed; two readings with one stamp give the same rows.
        read: from a row on (0 ≤ row), portions of at most so many images. The places where portions end depend on
            the content and that number alone, so that going on from such a place gives the portions of a whole reading.
        count: how many there are; `None` if only reading tells.
        notes: what was left out, in whole sentences.
    """

    kind: str
    title: str
    stamp: str
    read: Callable[[int, int], Iterator[Portion]]
    count: int | None = None
    notes: tuple[str, ...] = ()


class Kind(Protocol):
    """One kind of place."""

    accepts: str

    def matches(self, path: Path) -> bool:
        """Whether `path`, which exists, is this kind, judged by its content where it has any. Raises nothing."""

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Opens it and checks what can be known before reading it all.

        Raises:
            DataError: here or while portions are read: the content cannot be used as a whole.
        """


def image_shape(dimensions: Sequence[int], given: Shape | None, what: str) -> Shape:
    """The shape of each image in an array of images.

    Args:
        dimensions: of the whole array: (N, H, W), (N, H, W, C) or (N, pixels).
        given: the user's word; only for (N, pixels).
        what: the array in the user's words, for messages.

    Raises:
        DataError: no images can have these dimensions, or the user's word does not fit.
    """
    if len(dimensions) == 2:
        return _shape_of_row(dimensions[1], given, what)
    shape = (*dimensions[1:], 1)[:3]
    if len(dimensions) not in {3, 4} or shape[2] not in {1, 3} or 0 in shape:
        raise DataError(
            f"{what} has the shape {tuple(dimensions)}",
            "(images, height, width), (images, height, width, channels) with 1 or 3 channels, or (images, pixels)",
            "put the axes in that order, such as with numpy.moveaxis",
        )
    if given is not None and given != shape:
        raise DataError(
            f"{what} has images of {_sizes(shape)}, and the shape {_sizes(given)} was given",
            "the images' own shape",
            "leave the shape out",
        )
    return shape[0], shape[1], shape[2]


def _shape_of_row(pixels: int, given: Shape | None, what: str) -> Shape:
    side = math.isqrt(pixels)
    if given is None and side and side * side == pixels:
        return side, side, 1
    if given is not None and math.prod(given) == pixels:
        return given
    told = "no shape was given" if given is None else f"the shape {_sizes(given)} was given"
    raise DataError(
        f"{what} has rows of {pixels:,} numbers, and {told}",
        "a square number (a square grey image), or height × width × channels with that product",
        "give the shape: --set shape=HxWxC",
    )


def _sizes(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def begins(path: Path, *magic: bytes) -> bool:
    """Whether a file begins with one of some bytes, as it stands on the disk."""
    try:
        with path.open("rb") as file:
            return file.read(max(map(len, magic))).startswith(magic)
    except OSError:
        return False


def file_stamp(path: Path) -> str:
    """Where a file is, how large it is, and when it was written."""
    stat = path.stat()
    return f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"


# A portion of large images is cut short here, so that what is under way fits in memory whatever their size.
PORTION_BYTES = 32 << 20


def affordable(size: int, image_bytes: int) -> int:
    """How many images of some bytes a portion may have, `size` at most."""
    return min(size, max(1, PORTION_BYTES // max(1, image_bytes)))


def starts(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """From row `first` of `count`, where each portion starts and how many images it has."""
    for start in range(first, count, size):
        yield start, min(size, count - start)
