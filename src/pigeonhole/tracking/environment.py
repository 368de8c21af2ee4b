"""What a run was made with: machine, packages, commits. Reads only; imports none of the packages it names."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pigeonhole

PACKAGES = (
    "numpy",
    "torch",
    "scikit-learn",
    "onnx",
    "onnxruntime",
    "skl2onnx",
    "onnxscript",
    "safetensors",
    "pyarrow",
    "pillow",
    "mlflow",
)
_GIT_TIMEOUT_S = 5.0


def environment() -> dict[str, Any]:
    """Python, machine, package versions and the commits of the code, as JSON."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "packages": {"pigeonhole": pigeonhole.__version__, **_versions()},
        "code": {"git_commit": _commit(Path.cwd()), "pigeonhole_commit": _own_commit()},
    }


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit(folder: Path) -> str | None:
    """The commit checked out in `folder`, with `+changes` if tracked files differ from it; `None` outside git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _own_commit() -> str | None:
    """The commit of pigeonhole's own source, if it runs from a checkout and not from an installed copy."""
    source = Path(pigeonhole.__file__).parent
    # A virtual environment often lies inside somebody else's repository: only tracked source counts.
    if not _git(source, "ls-files", "__init__.py"):
        return None
    return _commit(source)


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
