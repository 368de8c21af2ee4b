"""Bytes that each process of an endpoint leaves for the others, and that outlive it. Knows not what they mean.

A process writes into memory that it shares with a file, so that leaving them costs no system call, and what a killed
process left stays. It writes two places in turn and then says which one is whole: a reader never meets a half.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from pigeonhole.core.errors import ConflictError, UsageError
from pigeonhole.core.files import write_bytes
from pigeonhole.core.locks import exclusive

logger = logging.getLogger("pigeonhole.serving")
_TURN = struct.Struct("<Q")
_PLACE = struct.Struct("<II")  # how many bytes, and their CRC-32
_FIRST_ROOM = 1 << 14
_SUFFIX = ".shared"
_ENDED = "ended.json"
_KEPT_NAMES = 1000
# A place is written anew ten times a second, and read in microseconds.
_READINGS = 1000
Join = Callable[[list[bytes]], bytes]


class Shared:
    """A process's own place in a folder, and a view of the others'.

    Args:
        folder: the same for all of them; made if it is missing.
        join: what several processes that have ended left, as one.

    Raises:
        UsageError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, join: Join) -> None:
        self._folder = folder
        self._path = folder / f"{uuid.uuid4().hex[:12]}{_SUFFIX}"
        self._turn = self._room = 0
        self._content = b""
        self._descriptor = -1
        self._memory: mmap.mmap
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fold(folder, join)
            self._take(_FIRST_ROOM)
        except OSError as error:
            raise UsageError(
                f"the folder {folder}, into which counters go: {error.strerror}",
                "a folder that can be written to, and some kilobytes of room",
                "check its owner and the disk",
            ) from error

    def leave(self, content: bytes) -> None:
        """Replaces what this process has left.

        Raises:
            OSError: there is no room for it; what was left before stays.
        """
        if content == self._content:
            return
        if len(content) > self._room:
            self._take(2 * len(content))
        self._content = content
        self._turn += 1
        start = self._start(self._turn)
        self._memory[start : start + _PLACE.size + len(content)] = (
            _PLACE.pack(len(content), zlib.crc32(content)) + content
        )
        _TURN.pack_into(self._memory, 0, self._turn)

    def others(self) -> tuple[list[bytes], list[bytes]]:
        """What the other processes left: those that run, and those that have ended."""
        found = {path.name: _read(path) for path in self._folder.glob(f"*{_SUFFIX}") if path != self._path}
        # Read after them: who was put together with earlier ones meanwhile is told there, and so is counted once.
        names, ended = _ended(self._folder)
        left = [read for name, read in found.items() if read is not None and name not in names]
        return [content for content, runs in left if runs], [*ended, *(content for content, runs in left if not runs)]

    def close(self) -> None:
        """Leaves the place, with what is in it."""
        self._memory.close()
        os.close(self._descriptor)

    def _start(self, turn: int) -> int:
        return _TURN.size + turn % 2 * (_PLACE.size + self._room)

    def _take(self, room: int) -> None:
        """A file with room for so many bytes, in the place of a smaller one."""
        size = _TURN.size + 2 * (_PLACE.size + room)
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # Not only promised: writing into memory that the disk then has no room for would end the process.
            os.posix_fallocate(descriptor, 0, size)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            memory = mmap.mmap(descriptor, size)
        except OSError:
            os.close(descriptor)
            new.unlink(missing_ok=True)
            raise
        before = (self._memory, self._descriptor) if self._room else None
        self._memory, self._descriptor, self._room = memory, descriptor, room
        self._turn += 1
        content, self._content = self._content, b""
        self.leave(content or b"{}")
        new.replace(self._path)
        if before:
            before[0].close()
            os.close(before[1])


def _read(path: Path) -> tuple[bytes, bool] | None:
    """What a process has left, and whether it runs; `None` if the file is no more, or damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        content, runs = _whole(descriptor), not _locks(descriptor, fcntl.LOCK_SH)
        return None if content is None else (content, runs)
    finally:
        os.close(descriptor)


def _whole(descriptor: int) -> bytes | None:
    """What was left; `None` if the file is damaged, as by a power cut, which writes only some of its pages."""
    room = (os.fstat(descriptor).st_size - _TURN.size) // 2 - _PLACE.size
    if room <= 0:
        return None
    for _ in range(_READINGS):
        (turn,) = _TURN.unpack(os.pread(descriptor, _TURN.size, 0))
        start = _TURN.size + turn % 2 * (_PLACE.size + room)
        size, sum_ = _PLACE.unpack(os.pread(descriptor, _PLACE.size, start))
        content = os.pread(descriptor, min(size, room), start + _PLACE.size)
        # It differs where the place was written anew between two of these reads. Nothing at all was never left.
        if content and zlib.crc32(content) == sum_:
            return content
    return None


def _locks(descriptor: int, kind: int) -> bool:
    """Whether nobody who runs holds the file."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ended(folder: Path) -> tuple[list[str], list[bytes]]:
    """Whose files were put together, and what they left."""
    try:
        told = orjson.loads((folder / _ENDED).read_bytes())
    except FileNotFoundError:
        return [], []
    return told["names"], [told["content"].encode()]


def _fold(folder: Path, join: Join) -> None:
    """Puts together what processes left that have ended, so that the folder does not grow with each."""
    with contextlib.suppress(ConflictError), exclusive(folder / "fold.lock", "what servers left"):
        names, contents = _ended(folder)
        with contextlib.ExitStack() as stack:
            gone = []
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                content = stack.enter_context(_abandoned(path))
                if content is None:
                    continue
                gone.append(path)
                if not content:
                    logger.warning("the counters in %s are damaged, and lost", path)
                elif path.name not in names:
                    names.append(path.name)
                    contents.append(content)
            if gone:
                told = {"names": names[-_KEPT_NAMES:], "content": join(contents).decode()}
                write_bytes(folder / _ENDED, orjson.dumps(told))
            for path in gone:
                path.unlink()


@contextlib.contextmanager
def _abandoned(path: Path) -> Iterator[bytes | None]:
    """What the file holds, nothing if it is damaged; `None` unless its process has ended. Kept from others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        # Its process may have put a larger file in its place between the two calls.
        mine = _locks(descriptor, fcntl.LOCK_EX) and path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino
        yield (_whole(descriptor) or b"") if mine else None
    finally:
        os.close(descriptor)
