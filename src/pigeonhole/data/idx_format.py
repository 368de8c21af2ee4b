"""The IDX format: headers checked, pairs of images and labels read in chunks. Chooses no files.

Format: two zero bytes, the type (8 is unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit integer, then the values, the last dimension fastest (Y. LeCun, «The MNIST database»).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError
from pigeonhole.data.origins import Numbered
from pigeonhole.data.plain import Plain, opened
from pigeonhole.data.reading import CHUNK_BYTES, Chunk, Reading, Split
from pigeonhole.images import Limits

_UNSIGNED_BYTE = 8
_LABELS, _IMAGES = 1, 3
_ACCEPTED = "the magic number 0x00000803 (images: count, rows, columns) or 0x00000801 (labels: count)"
_NOT_THE_SET = re.compile(r"images?|labels?|idx\d|ubyte|gz|[^a-z0-9]+")
_MAX_PIXELS = Limits().max_pixels


@dataclass(frozen=True)
class IdxFile:
    """One IDX file: its dimensions, (count,) for labels and (count, rows, columns) for images."""

    path: Path
    dimensions: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many items the header announces."""
        return self.dimensions[0]

    @property
    def is_images(self) -> bool:
        """Whether it holds images, not labels."""
        return len(self.dimensions) == _IMAGES

    @property
    def set_name(self) -> str:
        """What is left of the file's name without the words for its kind: `train`, `t10k`, or nothing."""
        return _NOT_THE_SET.sub("", self.path.name.lower())


@dataclass(frozen=True)
class Pair:
    """An images file and the labels file that belongs to it."""

    images: IdxFile
    labels: IdxFile
    split: Split | None = None


def read_pairs(
    pairs: Sequence[Pair],
    *,
    kind: str,
    title: str,
    class_names: tuple[str, ...] | None = None,
    expected_sha256: Mapping[Path, str] | None = None,
    facts: dict[str, Any] | None = None,
) -> Reading:
    """The reading of one or more pairs, in their order.

    Args:
        pairs: training images before test images.
        kind: the source's registry key.
        title: what the images are.
        class_names: if they are known.
        expected_sha256: of the decompressed files; checked at the end of each.
        facts: what is already known for the manifest.

    Raises:
        DataError: counts or sizes of a pair, or between pairs, do not agree.
    """
    for pair in pairs:
        _check_counts(pair)
    shapes = {pair.images.dimensions[1:] for pair in pairs}
    if len(shapes) > 1:
        raise DataError(
            f"{title}: images of different sizes, {' and '.join(f'{h} × {w}' for h, w in sorted(shapes))}",
            "one size",
            "give the pairs one by one",
        )
    height, width = shapes.pop()
    facts = facts if facts is not None else {}
    facts.setdefault("files", [])
    return Reading(
        kind=kind,
        title=title,
        shape_HWC=(height, width, 1),
        chunks=_chunks(pairs, expected_sha256 or {}, facts["files"]),
        count=sum(pair.images.count for pair in pairs),
        class_names=class_names,
        facts=facts,
    )


def idx_file(path: Path) -> IdxFile:
    """The IDX file at `path`, its header checked.

    Raises:
        DataError: a wrong magic number, or dimensions that cannot be.
    """
    with opened(path) as file:
        return IdxFile(path, _header(file))


def _header(file: Plain) -> tuple[int, ...]:
    magic = file.read(4)
    if not magic:
        raise DataError(f"{file.path} is empty", _ACCEPTED, "fetch or copy the file again")
    if magic not in {bytes([0, 0, _UNSIGNED_BYTE, _LABELS]), bytes([0, 0, _UNSIGNED_BYTE, _IMAGES])}:
        raise DataError(
            f"{file.path} begins with the magic number 0x{magic.hex()}", _ACCEPTED, "check that it is the right file"
        )
    size = 4 * magic[3]
    content = file.read(size)
    if len(content) < size:
        raise _truncated(file, "its header")
    dimensions = struct.unpack(f">{magic[3]}I", content)
    if 0 in dimensions or math.prod(dimensions[1:]) > _MAX_PIXELS:
        raise DataError(
            f"{file.path}: the header says {' × '.join(map(str, dimensions))}",
            f"at least one item, and at most {_MAX_PIXELS:,} pixels an image",
            "fetch or copy the file again",
        )
    return dimensions


def _chunks(pairs: Sequence[Pair], expected: Mapping[Path, str], files: list[dict[str, Any]]) -> Iterator[Chunk]:
    for pair in pairs:
        with ExitStack() as stack:
            images, labels = (stack.enter_context(opened(file.path)) for file in (pair.images, pair.labels))
            _header(images)
            _header(labels)
            yield from _pair_chunks(pair, images, labels)
            files.extend(_finished(file, expected.get(file.path)) for file in (images, labels))


def _pair_chunks(pair: Pair, images: Plain, labels: Plain) -> Iterator[Chunk]:
    count, height, width = pair.images.dimensions
    step = max(1, CHUNK_BYTES // (height * width))
    for start in range(0, count, step):
        n = min(step, count - start)
        pixels = _exactly(images, start, n, height * width, "image")
        numbers = _exactly(labels, start, n, 1, "label")
        yield Chunk(
            np.frombuffer(pixels, np.uint8).reshape(n, height, width, 1),
            np.frombuffer(numbers, np.uint8).astype(np.int64),
            Numbered(f"{images.path.name} image", start, n),
            pair.split,
        )


def _exactly(file: Plain, start: int, n: int, item_bytes: int, noun: str) -> bytes:
    content = file.read(n * item_bytes)
    if len(content) < n * item_bytes:
        raise _truncated(file, f"{noun} {start + len(content) // item_bytes:,}")
    return content


def _truncated(file: Plain, place: str) -> DataError:
    return DataError(
        f"{file.path} ends after {file.position:,} bytes, in {place}",
        "as many bytes as its header announces",
        "the file is truncated: fetch or copy it again",
    )


def _finished(file: Plain, expected: str | None) -> dict[str, Any]:
    # Reading past the end also makes gzip check its own checksum.
    if file.read(1):
        raise DataError(
            f"{file.path} goes on after the {file.position - 1:,} bytes that its header announces",
            "as many bytes as the header announces",
            "check that it is the right file, and whole",
        )
    if expected and file.sha256 != expected:
        raise DataError(
            f"{file.path} has other content than it should (SHA-256 {file.sha256})",
            f"the original, SHA-256 {expected} when decompressed",
            f"remove {file.path} and run the same command again",
        )
    return {"path": str(file.path.resolve()), "size_bytes": file.position, "sha256": file.sha256}


def _check_counts(pair: Pair) -> None:
    if pair.images.count != pair.labels.count:
        raise DataError(
            f"{pair.images.path.name} has {pair.images.count:,} images, "
            f"{pair.labels.path.name} has {pair.labels.count:,} labels",
            "a label for every image",
            "check that the two files belong together",
        )
