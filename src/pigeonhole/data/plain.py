"""A file's bytes, gzipped or not, with their SHA-256 as they pass. Broken gzip is a DataError that says where."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pigeonhole.core.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
SNIFFED_BYTES = 4096


class _Bytes(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Plain:
    """The decompressed content of one file, read forwards."""

    def __init__(self, path: Path, file: _Bytes) -> None:
        self.path = path
        self.position = 0
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end.

        Raises:
            DataError: the gzip stream is truncated or corrupt.
        """
        try:
            content = self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._broken(error) from error
        self._hash.update(content)
        self.position += len(content)
        return content

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has been read so far, as 64 hex digits."""
        return self._hash.hexdigest()

    def _broken(self, error: Exception) -> DataError:
        what = "truncated" if isinstance(error, EOFError) else "corrupt"
        return DataError(
            f"{self.path}: the gzip stream is {what} after {self.position:,} decompressed bytes ({error})",
            "a whole gzip file, or the file decompressed",
            "fetch or copy the file again (gzip --test FILE checks it)",
        )


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Plain]:
    """The file at `path`, decompressed on the way if its content is gzip, whatever its name.

    Raises:
        DataError: it cannot be opened, or reading it fails.
    """
    with readable(path), path.open("rb", buffering=0) as raw:
        magic = raw.read(2)
        raw.seek(0)
        if magic != _GZIP_MAGIC:
            yield Plain(path, raw)
            return
        with gzip.GzipFile(fileobj=io.BufferedReader(raw, 1 << 18)) as file:
            yield Plain(path, file)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns the operating system's refusal to open or read `path` into a DataError."""
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DataError(
            f"{path}: {error.strerror}", "a file that can be read", "check the path and its permissions"
        ) from error


def sniff(path: Path, size: int = SNIFFED_BYTES) -> bytes:
    """The first decompressed bytes of a file, for telling formats apart; empty if they cannot be read."""
    try:
        with opened(path) as file:
            return file.read(size)
    except (DataError, OSError):
        return b""


def is_inside(name: str) -> bool:
    """Whether a file or folder name is one that people put there, not one that a system left (`.DS_Store`)."""
    return not name.startswith(".") and name not in {"Thumbs.db", "desktop.ini", "__MACOSX"}
