"""`doctor`: what is installed, what is missing, and the line that installs it. Reads package metadata only."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import pigeonhole

PURPOSES = {
    "base": "serve a bundle, the command line",
    "data": "ingest and keep datasets",
    "sample": "the built-in set mnist-5k",
    "train": "train, automl, evaluate, export",
    "tracking": "MLflow: runs and the registry",
    "reports": "charts",
    "search": "sweeps",
    "transfer": "networks of timm, with weights from a file",
    "postgres": "records on a PostgreSQL server",
}
_REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True)
class PackageState:
    """One package that some part of pigeonhole needs."""

    extra: str
    purpose: str
    package: str
    wanted: str
    installed: str | None


@dataclass(frozen=True)
class Doctor:
    """The whole picture of an installation."""

    version: str
    system: dict[str, str]
    packages: tuple[PackageState, ...]
    install: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON-ready values."""
        return asdict(self)


def doctor() -> Doctor:
    """What is installed, what is missing, and the lines that install it."""
    states = [state for requirement in metadata.requires("pigeonhole") or [] for state in _states(requirement)]
    missing = [state.extra for state in states if state.installed is None]
    lines = [
        "pip install pigeonhole" if extra == "base" else f"pip install 'pigeonhole[{extra}]'"
        for extra in PURPOSES
        if extra in missing
    ]
    return Doctor(pigeonhole.__version__, _system(), tuple(states), tuple(lines))


def _states(requirement: str) -> list[PackageState]:
    match = _REQUIREMENT.match(requirement.strip())
    if match is None:
        return []
    package, wanted, marker = match.group(1), match.group(2).strip(), match.group(3) or ""
    extra = _EXTRA.search(marker)
    part = extra.group(1) if extra else "base"
    if package == "pigeonhole" or part not in PURPOSES:
        return []
    return [PackageState(part, PURPOSES[part], package, wanted, _installed(package))]


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _system() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
