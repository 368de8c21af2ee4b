"""The endpoint's log: what its servers and its supervisor wrote, in one file."""

from __future__ import annotations

import os
from pathlib import Path

from pigeonhole.core.errors import NotFoundError
from pigeonhole.core.workspace import Workspace, check_name

LOG_LIMIT_BYTES = 10 << 20
_BLOCK = 1 << 16
_WANTED = "access-log.wanted"


def folder_of(workspace: Workspace, name: str) -> Path:
    """Where an endpoint keeps its files."""
    return workspace.folder("endpoints") / check_name(name, "endpoint")


def logs(workspace: Workspace, name: str, lines: int = 100) -> list[str]:
    """The last lines of an endpoint's log; it stays when the endpoint is stopped.

    Raises:
        NotFoundError: there never was such an endpoint.
    """
    path = folder_of(workspace, name) / "log.txt"
    if not path.is_file():
        raise NotFoundError(
            f"the endpoint {name!r} has no log", "an endpoint that was deployed", "see pigeonhole endpoints list"
        )
    return tail(path, lines)


def access_log(folder: Path) -> str | None:
    """The file that an endpoint's servers write a line for each request into; `None` where that is not wanted."""
    return str(folder / "access.jsonl") if (folder / _WANTED).exists() else None


def switch_access_log(folder: Path, is_wanted: bool | None) -> bool:
    """Has the servers that start from now on write an access log, or not; `None` leaves it.

    It is no part of a change: going back to an earlier one must not begin or end a log.

    Returns:
        Whether it was otherwise.
    """
    mark = folder / _WANTED
    if is_wanted is None or is_wanted == mark.exists():
        return False
    if is_wanted:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    else:
        mark.unlink()
    return True


def tail(path: Path, lines: int, start: int = 0) -> list[str]:
    """The last lines of a text file, from byte `start` on; reads no more of it than needed."""
    if lines <= 0 or not path.is_file():
        return []
    with path.open("rb") as file:
        position = end = file.seek(0, 2)
        content = b""
        while position > start and content.count(b"\n") <= lines:
            position = max(start, position - _BLOCK)
            file.seek(position)
            content = file.read(end - position)
    return content.decode("utf-8", "replace").splitlines()[-lines:]


def rotate(path: Path) -> bool:
    """Keeps the end of a log that has grown large as the older one, and empties it.

    It stays the same file: servers, and what scripts have started, hold it open, and write on at its end. What they
    write in the milliseconds between is lost.

    Returns:
        Whether it was large.
    """
    try:
        size = path.stat().st_size
        if size <= LOG_LIMIT_BYTES:
            return False
        with path.open("rb") as file:
            file.seek(max(0, size - LOG_LIMIT_BYTES))
            path.with_suffix(".old.txt").write_bytes(file.read(LOG_LIMIT_BYTES))
        os.truncate(path, 0)
    except OSError:
        return False  # it is not there, or the disk is full: who answers must not end for its log
    return True
