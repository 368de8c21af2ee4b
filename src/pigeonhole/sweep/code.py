"""The code of a user's trials: hashed, and kept as it was when the sweep began. Runs none of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.errors import SpecError, listing
from pigeonhole.core.files import publish, sha256_file, staged_folder, sweep_staging

LIMIT_BYTES = 300 << 20  # as on Azure ML
# What tools leave beside code; none of it is code, and much of it changes whenever the script is tried by hand.
LEFT_OUT = frozenset(
    {"__pycache__", ".git", ".ipynb_checkpoints", ".mypy_cache", ".pigeonhole", ".pytest_cache", ".ruff_cache"}
    | {".venv", "mlruns", "mlflow.db"}
)


def code_sha256(folder: Path) -> str:
    """A hash of the names and the content of all files that are code; 64 hex digits.

    Raises:
        SpecError: the folder holds what cannot be kept, or more than 300 MiB.
    """
    lines = [f"{name}\0{sha256_file(folder / name)}\0{_executable(folder / name)}" for name in _files(folder)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def keep_code(folder: Path, target: Path) -> None:
    """Copies the code to `target`, whole or not at all; what stands there already stays.

    Raises:
        SpecError: as for `code_sha256`.
    """
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep_staging(target.parent)
    with staged_folder(target.parent) as staged:
        for name in _files(folder):
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / name, staged / name)
        publish(staged, target)


def _files(folder: Path) -> list[str]:
    """The names of all files that are code, in order.

    Raises:
        SpecError: something is neither a file nor a folder, cannot be read, or it is too much.
    """
    problems: list[str] = []
    names = sorted(_walk(folder, problems))
    size = sum((folder / name).stat().st_size for name in names)
    if size > LIMIT_BYTES:
        problems.append(f"{size / (1 << 20):,.0f} MiB, and {LIMIT_BYTES >> 20} MiB are accepted; data goes into inputs")
    if problems:
        raise SpecError(
            f"the code {folder} cannot be kept:\n{listing(problems)}",
            "a folder with the script and its modules",
            "give the script a folder of its own, and its data as inputs",
        )
    return names


def _walk(folder: Path, problems: list[str]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        problems.append(str(error))

    for path, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        here = Path(path)
        problems += [f"{here / name}: a link to a folder" for name in folders if (here / name).is_symlink()]
        for name in files:
            if name in LEFT_OUT:
                continue
            if not (here / name).is_file() or not os.access(here / name, os.R_OK):
                problems.append(f"{here / name}: no file that can be read")
            else:
                yield (here / name).relative_to(folder).as_posix()


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)
