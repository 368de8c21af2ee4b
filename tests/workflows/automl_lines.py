"""`pigeonhole automl` as a process, for tests that end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from pigeonhole.core.workspace import Workspace


@dataclass(frozen=True)
class Line:
    """A command line in a workspace.

    Attributes:
        space: where it runs.
        words: what follows `pigeonhole automl`.
    """

    space: Workspace
    words: Sequence[str]

    def start(self) -> subprocess.Popen[bytes]:
        """The process, in a group of its own, as a terminal starts it."""
        return subprocess.Popen(
            [sys.executable, "-m", "pigeonhole.cli.main", "automl", *self.words, "--json"],
            cwd=self.space.root.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self, timeout_s: float = 1_200) -> dict[str, Any]:
        """The outcome, of a line that is left alone."""
        with self.start() as process:
            said, told = process.communicate(timeout=timeout_s)
        assert process.returncode == 0, told.decode()
        outcome: dict[str, Any] = json.loads(said)
        return outcome

    def timed(self, timeout_s: float) -> tuple[int, float, bytes]:
        """Exit code, seconds and what it said."""
        begin_s = time.monotonic()
        with self.start() as process:
            said, _ = process.communicate(timeout=timeout_s)
        return process.returncode, time.monotonic() - begin_s, said

    def killed(self, after_s: float, *, of_search: bool = False) -> bool:
        """Runs the line and kills it, with nothing left behind; False if it was done before.

        Args:
            after_s: when.
            of_search: whether from the moment at which the search says that it begins, not the process.
        """
        with self.start() as process:
            if of_search:
                assert process.stderr is not None
                process.stderr.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=after_s)
            if process.poll() is not None:
                assert process.returncode == 0
                return False
            children = below(process)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        assert_gone(children)
        return True


def below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """All processes that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def assert_gone(processes: list[psutil.Process]) -> None:
    """Waits for their end."""
    _, alive = psutil.wait_procs(processes, timeout=300)
    assert alive == []
