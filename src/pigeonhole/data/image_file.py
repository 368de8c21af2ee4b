"""`images.npy`: uint8 NHWC pixels, written chunk by chunk before their number is known. NumPy's format 1.0.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError
from pigeonhole.images import Shape

FILE = "images.npy"
_HEADER_BYTES = 128


class ImageWriter:
    """Appends images to an open file and hashes each.

    Args:
        file: a new file, open for writing bytes.
        shape_HWC: the shape of every image.
    """

    def __init__(self, file: BinaryIO, shape_HWC: Shape) -> None:
        self._file = file
        self._shape = shape_HWC
        self._count = 0
        self.digests = bytearray()
        file.write(bytes(_HEADER_BYTES))

    def append(self, images_NHWC: NDArray[np.uint8]) -> None:
        """Writes some images and notes the SHA-256 of each one's pixels."""
        view = np.ascontiguousarray(images_NHWC).reshape(-1).data
        size = len(view) // len(images_NHWC)
        self._file.write(view)
        sha256 = hashlib.sha256
        self.digests += b"".join([sha256(view[at : at + size]).digest() for at in range(0, len(view), size)])
        self._count += len(images_NHWC)

    def finish(self) -> None:
        """Writes the header, now that the number of images is known, and forces all of it onto the disk."""
        self._file.seek(0)
        self._file.write(_header((self._count, *self._shape)))
        self._file.flush()
        os.fsync(self._file.fileno())


def _header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    length = _HEADER_BYTES - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"


def open_images(folder: Path, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The images as a read-only memory map, [N, H, W, C].

    Args:
        folder: the dataset version.
        shape: what its manifest says.

    Raises:
        DataError: the file is missing, or is not what the manifest says.
    """
    path = folder / FILE
    try:
        images_NHWC: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if images_NHWC.shape != shape or images_NHWC.dtype != np.uint8:
        raise _damaged(path, f"shape {images_NHWC.shape}, {images_NHWC.dtype}; the manifest says {shape}, uint8")
    return images_NHWC


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} is damaged: {what}", "the file that ingest wrote", "remove this dataset version and ingest it again"
    )
