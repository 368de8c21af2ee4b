"""Mirrors a run into MLflow while it trains, from a process of its own.

A thread would do, but for two things: importing MLflow holds the interpreter for over a second while the training
waits (its first epoch took four times as long), and scikit-learn looks into half-imported modules and fails.

    python -m pigeonhole.tracking.background WORKSPACE RUN    syncs at each line on stdin, and once more at its end
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from pigeonhole.core.errors import PigeonholeError
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.run import Run
from pigeonhole.tracking.runs import Runs
from pigeonhole.tracking.store import require_mlflow

_SAID = 2000
_POLITENESS = 5


class Mirror:
    """Mirrors one run in the background while it trains; complete after `close`.

    As `with Mirror(workspace, run) as mirror, run:` it also mirrors how the run ended when the training failed. If
    this process is killed, the mirror notes what there is and ends too.

    Args:
        workspace: where the run is.
        run: the run, open for writing.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """

    def __init__(self, workspace: Workspace, run: Run) -> None:
        require_mlflow()
        self._run = run
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(workspace.root), run.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )

    def poke(self) -> None:
        """An epoch was appended. Returns at once."""
        stdin = self._process.stdin
        # Whatever ended the process early is told by `close`.
        with contextlib.suppress(BrokenPipeError):
            if stdin is not None and not stdin.closed:
                stdin.write(b"\n")
                stdin.flush()

    def close(self) -> str | None:
        """Waits until everything is mirrored, artifacts and status included.

        Returns:
            The run's id in MLflow.

        Raises:
            PigeonholeError: the mirroring failed; the run folder is whole nevertheless, and `sync` tries again.
        """
        code = self._wait()
        if code:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip()[-_SAID:] or f"its process ended with {code}"
            raise PigeonholeError(
                f"run {self._run.id} could not be mirrored into MLflow:\n{said}",
                "a store that MLflow can write",
                "the run itself is whole; its next command mirrors it again",
            )
        return self._run.mlflow_run_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._wait()  # the training's own error is the news

    def _wait(self) -> int:
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        return self._process.wait()


def main(root: str, run_id: str) -> None:
    """Syncs a run at each line on stdin, and a last time when stdin ends."""
    # Ctrl-C reaches the whole process group; the training ends first, and then closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_POLITENESS)
    from pigeonhole.tracking.mirror import Session

    workspace = Workspace(Path(root))
    session = Session(workspace, Runs(workspace).get(run_id))
    session.sync()
    for _ in sys.stdin:
        session.sync()
    session.sync()
    # Somebody waits for the end of this process, and a last search through all of MLflow's objects takes its time.
    gc.freeze()


if __name__ == "__main__":
    main(*sys.argv[1:])
