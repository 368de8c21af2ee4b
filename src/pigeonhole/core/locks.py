"""Locks between processes that the kernel frees when their holder dies, whatever way it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.errors import ConflictError

_LOOK_S = 0.001


@contextlib.contextmanager
def exclusive(path: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Holds the lock file `path` for the length of the block.

    Args:
        path: the lock file; made if absent, left behind.
        what: the thing in the user's words, for the message («run cnn-3fa2»).
        wait: True waits for the other holder, False refuses at once.

    Raises:
        ConflictError: another process holds it; the message names the process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            _lock(file.fileno(), wait)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise ConflictError(
                f"{what} is being written by process {holder}",
                "one writer at a time",
                f"wait for it to end, or stop it (kill {holder}), then run the same command again",
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_held(path: Path) -> bool:
    """Whether some process holds the lock file `path` now."""
    if not path.exists():
        return False
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock(descriptor: int, wait: bool) -> None:
    if wait:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Somebody who only looks (`is_held`) shares the lock for some microseconds, and must not refuse a writer.
            # Where the lock can be shared there is no writer, so it will be free at once; else this raises.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        else:
            return
        time.sleep(_LOOK_S)
