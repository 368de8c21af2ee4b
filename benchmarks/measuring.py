"""What the measurements share: our program as a user runs it, results that outlive a kill, and the machine's name."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pigeonhole.core.files import read_json, write_json

Figures = dict[str, Any]


def pigeonhole(*arguments: str, environment: Mapping[str, str] | None = None) -> Figures:
    """The JSON that one command prints; it runs in a process of its own, as from a shell."""
    result: Figures = json.loads(
        _stdout([sys.executable, "-m", "pigeonhole.cli.main", *arguments, "--json"], environment)
    )
    return result


def last_line(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Figures:
    """The JSON in the last line that a program prints; what libraries say before it is no result."""
    result: Figures = json.loads(_stdout(command, environment).splitlines()[-1])
    return result


def _stdout(command: Sequence[str], environment: Mapping[str, str] | None) -> str:
    everything = {**os.environ, **(environment or {})}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=everything).stdout


def kept(path: Path, measure: Callable[[], Figures]) -> Figures:
    """What was measured on an earlier day, or is measured now and kept; the file appears whole or not at all."""
    if path.is_file():
        earlier: Figures = read_json(path)
        return earlier
    figures = measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, figures)
    return figures


def machine(*packages: str) -> str:
    """Processor, cores, Python and the versions of some packages, in a line."""
    known = [f"{package} {metadata.version(package)}" for package in packages]
    return "; ".join([f"{_processor()}, {os.cpu_count()} cores", f"Python {platform.python_version()}", *known])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
