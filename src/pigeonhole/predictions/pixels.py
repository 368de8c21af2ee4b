"""Where a block's pixels lie: in files beside a SQLite database, in the table itself on a PostgreSQL server.

A file belongs to one source, is only ever added to, and is locked by its source for as long as that may add to it. It
is there before any row names it, and goes when no row does any more (docs/adr/0027-pixels-beside-the-database.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pigeonhole.core.database import Database

FILE_BYTES = 16 << 20
_SQLITE = "sqlite:///"
_FOUND = (
    "SELECT file, first_byte, CASE WHEN file IS NULL THEN substr(pixels, ?, ?) END AS pixels"
    " FROM prediction_images WHERE source = ? AND number = ?"
)
_NAMED = "SELECT 1 AS one FROM prediction_images WHERE file = ? LIMIT 1"


class Place(NamedTuple):
    """Where a block's pixels begin.

    Attributes:
        file: its name in the folder of the database.
        first_byte: counted from 0.
    """

    file: str
    first_byte: int


def folder_of(database_url: str) -> Path | None:
    """The folder of a SQLite database's files, beside it as its journal is; `None` for a server."""
    return Path(f"{database_url.removeprefix(_SQLITE)}-images") if database_url.startswith(_SQLITE) else None


def read(database: Database, source: str, number: int, first: int, size: int) -> bytes | None:
    """Bytes of a block's pixels; `None` where they were never kept, or have left the log.

    Args:
        database: with the block.
        source: of the block.
        number: of the block.
        first: counted from 0.
        size: how many; 1 or more.
    """
    rows = database.execute(_FOUND, (first + 1, size, source, number))
    if not rows:
        return None
    folder = folder_of(database.url)
    if folder is None or rows[0]["file"] is None:
        return bytes(rows[0]["pixels"])
    try:
        with (folder / rows[0]["file"]).open("rb") as file:
            file.seek(rows[0]["first_byte"] + first)
            found = file.read(size)
    except FileNotFoundError:  # dropped since the row was read
        return None
    return found if len(found) == size else None


def remove_unnamed(database: Database, names: Iterable[str] | None = None) -> set[str]:
    """Removes the files that no row names and no source adds to; those of the latter, to be tried again.

    Args:
        database: whose files; a server has none.
        names: the only ones to look at; all there are, if not given.
    """
    folder = folder_of(database.url)
    if folder is None or not folder.is_dir():
        return set()
    held = set()
    for name in [path.name for path in folder.iterdir()] if names is None else names:
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder / name, os.O_RDONLY)
            try:
                # Locked first: a source that ended in between has its rows by then.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not database.execute(_NAMED, (name,)):
                    (folder / name).unlink()
            except BlockingIOError:
                held.add(name)
            finally:
                os.close(descriptor)
    return held


class PixelFiles:
    """One source's files, each begun when the one before is full.

    Args:
        folder: made when the first is begun.
        source: its id; the names begin with it.
        file_bytes: of pixels in a file; a block larger than this has one of its own.
    """

    def __init__(self, folder: Path, source: str, file_bytes: int = FILE_BYTES) -> None:
        self._folder = folder
        self._source = source
        self._file_bytes = file_bytes
        self._begun = 0
        self._descriptor: int | None = None
        self._end = Place("", 0)
        self._last: tuple[int, Place] | None = None

    def add(self, number: int, pixels: bytes) -> Place:
        """Writes a block's pixels, on the disk before it returns; the block that was written last is not written again.

        Raises:
            OSError: the disk is full, or takes no writes; the same call may be tried again.
        """
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        place, descriptor = self._room(len(pixels))
        content = memoryview(pixels)
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], place.first_byte + written)
        _force(descriptor)
        self._end = place._replace(first_byte=place.first_byte + written)
        self._last = (number, place)
        return place

    def close(self) -> None:
        """Gives the file up; whoever finds that no row names it may remove it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _room(self, size: int) -> tuple[Place, int]:
        """The end of the file that is open, or the beginning of a new one."""
        if self._descriptor is not None and self._end.first_byte + size <= self._file_bytes:
            return self._end, self._descriptor
        self.close()
        self._folder.mkdir(exist_ok=True)
        while True:
            name = f"{self._source}-{self._begun}.bin"
            self._begun += 1
            descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Between the two lines above it had no lock, and may have been taken for left behind.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        _force_names(self._folder)
        self._descriptor = descriptor
        self._end = Place(name, 0)
        return self._end, descriptor


def _force(descriptor: int) -> None:
    # macOS has no fdatasync.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _force_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
