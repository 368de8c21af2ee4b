"""Locks between processes that the kernel frees when their holder dies, whatever way it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.errors import ConflictError


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
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
