"""The command line as users meet it: a process of its own, in an empty folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Pigeonhole = Callable[..., subprocess.CompletedProcess[str]]


def run_pigeonhole(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program and returns what it said."""
    return subprocess.run(
        [sys.executable, "-m", "pigeonhole.cli.main", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def pigeonhole(tmp_path: Path) -> Pigeonhole:
    """The program, run in a folder of its own."""
    return lambda *arguments, **environment: run_pigeonhole(*arguments, cwd=tmp_path, **environment)
