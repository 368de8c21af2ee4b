"""Files that are either whole or absent: atomic writes, staged folders, hashes. Knows no artifact."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import DataError

STAGING_PREFIX = ".staging-"
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def disk_full_is_data_error(target: Path) -> Iterator[None]:
    """Turns the operating system's «no space left» into an error that names the folder and the way out.

    Raises:
        DataError: the disk (or a quota, or a file-size limit) is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise DataError(
                f"the disk filled up while writing {target}: {error.strerror}",
                "a disk with room for the whole result",
                "free some space or use --workspace on another disk; nothing half-written was left behind",
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` so that a reader sees the old file or the new one, never a part; survives a power cut.

    Raises:
        DataError: the disk is full; the old file is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with disk_full_is_data_error(path), temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically. NaN and infinity are refused, since JSON has neither."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_file(path: Path) -> str:
    """The SHA-256 of the file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_tree(folder: Path) -> None:
    """Forces every file under `folder`, and the folders themselves, onto the disk."""
    for path in [*folder.rglob("*"), folder]:
        fsync(path)


def fsync(path: Path) -> None:
    """Forces a file onto the disk; of a folder, the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def staged_folder(parent: Path) -> Iterator[Path]:
    """A fresh folder in `parent` to fill and then `publish`; removed on the way out if it still stands there.

    Raises:
        DataError: the disk filled up inside the block.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{STAGING_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    try:
        with disk_full_is_data_error(parent):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, target: Path) -> bool:
    """Moves a finished staged folder to its name in one step.

    Returns:
        False if `target` already stands (somebody else was first); then nothing is changed.
    """
    fsync_tree(staged)
    try:
        staged.rename(target)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            return False
        raise
    return True


def sweep_staging(parent: Path) -> None:
    """Removes staged folders whose process is gone: what a SIGKILL left behind."""
    for folder in parent.glob(f"{STAGING_PREFIX}*"):
        pid = folder.name.removeprefix(STAGING_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def tree_stamp(path: Path) -> str:
    """A hash that changes when a file (or a file in a folder) is added, removed, resized or written again."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file.relative_to(path)), file.stat()) for file in files if file.is_file()]
    lines = [f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}" for name, stat in stats]
    return hashlib.sha256("\n".join([str(path.resolve()), *lines]).encode()).hexdigest()
