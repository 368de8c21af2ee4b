"""Image files from disk, several at once: all that cannot be read are named together.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, listing
from pigeonhole.images.decoding import decode
from pigeonhole.images.preparing import Normal, Prepared, prepare
from pigeonhole.images.sizing import Shape

SUFFIXES = {".png", ".jpg", ".jpeg"}
_Result = TypeVar("_Result")


def prepare_files(
    files: Sequence[Path], shape: Shape, *, invert: bool = False, reference: Normal | None = None
) -> list[Prepared]:
    """Each file's image in the training shape; see `prepare`.

    Raises:
        DataError: files that cannot be read or decoded; all are named.
    """
    return _each(
        files,
        lambda file: prepare(_content(file), shape, invert=invert, reference=reference, source=str(file)),
    )


def read_folder(folder: Path, limit: int) -> NDArray[np.uint8]:
    """The PNG and JPEG images below a folder, [N, H, W, C], by name; colour if any of them is.

    Args:
        folder: where to look, subfolders included.
        limit: how many to read at most.

    Raises:
        DataError: there is none, some cannot be decoded, or they have different sizes.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())[:limit]
    if not files:
        raise DataError(f"{folder} has no image files", "a folder with PNG or JPEG files", "check the path")
    found = _each(files, lambda file: decode(_content(file), source=str(file)))
    sizes = {image_HWC.shape[:2] for image_HWC in found}
    if len(sizes) > 1:
        told = ", ".join(f"{height}×{width}" for height, width in sorted(sizes)[:10])
        raise DataError(f"{folder}: images of different sizes: {told}", "images of one size", "leave the others out")
    channels = max(image_HWC.shape[2] for image_HWC in found)
    return np.stack([np.repeat(image, channels // image.shape[2], axis=2) for image in found])


def _each(files: Sequence[Path], read: Callable[[Path], _Result]) -> list[_Result]:
    results, problems = [], []
    for file in files:
        try:
            results.append(read(file))
        except DataError as error:
            problems.append(error.received)
    if problems:
        raise DataError(listing(problems), "PNG or JPEG image files", "leave those out, or correct their paths")
    return results


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}", "a readable image file", "check the path") from error
