"""Where a block's pixels lie: in files beside a SQLite database, in the table itself on a PostgreSQL server.

A file belongs to one source, is only ever added to, and is locked by its source for as long as that may add to it. It
is there before any row names it, and goes when no row does any more (docs/adr/0027-pixels-beside-the-database.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pigeonhole.core.database import Database
from pigeonhole.core.files import fsync

logger = logging.getLogger("pigeonhole.predictions")
FILE_BYTES = 16 << 20
_SQLITE, _SUFFIX, _ENDING = "sqlite:///", "-images", ".bin"
_FOUND = (
    "SELECT file, first_byte, CASE WHEN file IS NULL THEN substr(pixels, ?, ?) END AS pixels"
    " FROM prediction_images WHERE source = ? AND number = ?"
)
_NAMED = "SELECT 1 AS one FROM prediction_images WHERE file = ? LIMIT 1"


class FilePlace(NamedTuple):
    """Where a block's pixels begin.

    Attributes:
        file: its name in the folder of the database.
        first_byte: counted from 0.
    """

    file: str
    first_byte: int


def folder_of(database_url: str) -> Path | None:
    """The folder of a SQLite database's files, beside it as its journal is; `None` for a server."""
    if not database_url.startswith(_SQLITE):
        return None
    return Path(f"{os.path.realpath(database_url.removeprefix(_SQLITE))}{_SUFFIX}")


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
    """Removes the files that no row names and no source may add to.

    Args:
        database: whose files; a server has none.
        names: the only ones to look at; all there are, if not given.

    Returns:
        Those that a source may add to, or that could not be removed: to be looked at again.
    """
    folder = folder_of(database.url)
    if folder is None or not folder.is_dir():
        return set()
    left = set()
    for name in [path.name for path in folder.glob(f"*{_ENDING}")] if names is None else names:
        try:
            _remove_unnamed(database, folder, name)
        except BlockingIOError:
            left.add(name)
        except FileNotFoundError:
            pass
        except OSError as error:
            left.add(name)
            logger.warning("%s holds no image of the log and still takes space: %s", folder / name, error)
    return left


def _remove_unnamed(database: Database, folder: Path, name: str) -> None:
    descriptor = os.open(folder / name, os.O_RDONLY)
    try:
        # Locked first: a source that ended in between has its rows by then.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not database.execute(_NAMED, (name,)):
            (folder / name).unlink()
    finally:
        os.close(descriptor)


class PixelFiles:
    """One source's files, each begun when the one before is full. Who may read the database may read them.

    Args:
        folder: of the database's files; made if absent.
        source: its id; the names begin with it.
        file_bytes: of pixels in a file; a block larger than this has one of its own.

    Attributes:
        ended: the names of the files that it will not add to any more; whoever has looked at them takes them out.

    Raises:
        OSError: there can be no such folder, or no file in it.
    """

    def __init__(self, folder: Path, source: str, file_bytes: int = FILE_BYTES) -> None:
        self._folder = folder
        self._source = source
        self._file_bytes = file_bytes
        self._begun = 0
        self._descriptor: int | None = None
        self._end = FilePlace("", 0)
        self._last: tuple[int, FilePlace] | None = None
        self.ended: set[str] = set()
        self._make_folder()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"no file can be made in {folder}")

    def add(self, number: int, pixels: bytes) -> FilePlace:
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
        # macOS has no fdatasync.
        getattr(os, "fdatasync", os.fsync)(descriptor)
        self._end = place._replace(first_byte=place.first_byte + written)
        self._last = (number, place)
        return place

    def close(self) -> None:
        """Ends the file; whoever finds that no row names it may remove it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self.ended.add(self._end.file)
            os.close(descriptor)

    def _room(self, size: int) -> tuple[FilePlace, int]:
        """The end of the file that is open, or the beginning of a new one."""
        descriptor = self._descriptor
        # Somebody may have deleted the file, or the whole folder.
        if descriptor is None or self._end.first_byte + size > self._file_bytes or not os.fstat(descriptor).st_nlink:
            self.close()
            self._make_folder()
            while (descriptor := self._begin()) is None:
                pass
            self._descriptor = descriptor
        return self._end, descriptor

    def _begin(self) -> int | None:
        """A new file that is open and locked; `None` if it was taken for left behind before it had its lock."""
        path = self._folder / f"{self._source}-{self._begun}{_ENDING}"
        self._begun += 1
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.ExitStack() as undo, contextlib.suppress(BlockingIOError):
            undo.callback(path.unlink, missing_ok=True)
            undo.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                self._share(path)
                fsync(self._folder)
                self._end = FilePlace(path.name, 0)
                undo.pop_all()
                return descriptor
        return None

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(0o700)
            self._share(self._folder)
            fsync(self._folder.parent)

    def _share(self, path: Path) -> None:
        """Gives it to those who have the database: SQLite does so with its journal."""
        database = self._folder.with_name(self._folder.name.removesuffix(_SUFFIX)).stat()
        mode = database.st_mode & 0o666
        path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)
        if os.geteuid() == 0:
            os.chown(path, database.st_uid, database.st_gid)
