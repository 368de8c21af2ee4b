"""`.npz` files: one array of several, read forwards out of the zip file. Never with pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pigeonhole.core.errors import DataError
from pigeonhole.data.unlabelled.array import forwards, read_layout
from pigeonhole.data.unlabelled.image_set import ImageOptions, ImageSet, Portion, file_stamp


class NpzFile:
    """Arrays in one zip file."""

    kind = "npz"
    accepts = "an .npz file with one such array, or with one called images"

    def matches(self, path: Path) -> bool:
        """True for a zip file with at least one array in it."""
        return any(name.endswith(".npy") for name in zip_names(path))

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Chooses the array and reads its header. See `Kind.open`."""
        options.refuse(self.kind, "label")
        with zipfile.ZipFile(path) as archive:
            name = _member(path, archive.namelist(), options.images)
            with archive.open(name) as file:
                layout = read_layout(file, f"{path}, array {name.removesuffix('.npy')!r}", options.shape)

        def read(first: int, size: int) -> Iterator[Portion]:
            with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                yield from forwards(_Whole(path, file), layout, f"{path.name} row", first, size)

        return ImageSet(self.kind, path.name, f"{file_stamp(path)}\0{name}", read, layout.count)


class _Whole:
    """A member of a zip file; broken content becomes an error that says where."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (zlib.error, zipfile.BadZipFile, EOFError) as error:
            raise DataError(
                f"{self._path} is damaged: {error}", "a whole npz file", "fetch or write it again"
            ) from error


def zip_names(path: Path) -> list[str]:
    """The names in a zip file; none if it is no zip file."""
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []


def _member(path: Path, names: list[str], wanted: str | None) -> str:
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    found = wanted or ("images" if "images" in arrays else arrays[0] if len(arrays) == 1 else None)
    if found not in arrays:
        raise DataError(
            f"{path} has the arrays {', '.join(map(repr, arrays))}{'' if wanted is None else f', and not {wanted!r}'}",
            "one array, one called images, or the name of the one to take",
            "name the array: --set images=NAME",
        )
    return f"{found}.npy"
