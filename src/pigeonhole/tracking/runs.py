"""The runs of a workspace: start, go on, find, list, remove. What is inside a run is `run.py`'s."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from pigeonhole.core.files import publish, staged_folder, sweep_staging, write_json
from pigeonhole.core.locks import exclusive
from pigeonhole.core.spec import suggestion
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.record import Request
from pigeonhole.tracking.run import MLFLOW, RECORD, Run

_CHOOSING = ".lock"


class Runs:
    """The run folders of one workspace.

    Args:
        workspace: where they are.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.folder = workspace.folder("runs")

    def start_or_continue(
        self,
        spec: Mapping[str, Any],
        *,
        model: str,
        dataset: str,
        dataset_sha256: str,
        seed: int,
        settings: Mapping[str, Any] | None = None,
        parent: str | None = None,
        trial: str | None = None,
    ) -> Run:
        """A run open for writing: the unfinished one of the same fingerprint, else a new one.

        `run.record["continued_at"]` is empty for a new run. A trial of a sweep is one run for ever: where it has
        reached its end, it is returned as it is.

        Args:
            spec: every setting, resolved.
            model: the preset's key or spec file as the user gave it; begins the run's id.
            dataset: the dataset version, `mnist:1`.
            dataset_sha256: the hash of its content.
            seed: the one number from which all randomness follows.
            settings: what the user set; they go into the command line that makes the run again.
            parent: `RUN` or `RUN:EPOCH` that it starts from.
            trial: the trial of a sweep that it is, `SWEEP/NUMBER`.

        Raises:
            ConflictError: another process is training this very run; the message names both.
        """
        request = Request(model, spec, dataset, dataset_sha256, seed, settings or {}, parent, trial)
        # Choosing is serialised, so that the same line started twice at once cannot make two runs.
        with exclusive(self.folder / _CHOOSING, "the list of runs", wait=True):
            sweep_staging(self.folder)
            found = self._unfinished(request.fingerprint, settled_too=trial is not None)
            if found is None:
                return self._new(request).hold()
            run = found.hold()
        if trial is not None and run.finished:
            return run
        run.update(status="Running", ended_at=None, error=None, continued_at=[*run.record["continued_at"], utc_now()])
        return run

    def get(self, run_id: str) -> Run:
        """The run with this id, or the only one whose id begins so; open for reading.

        Raises:
            NotFoundError: there is none.
            UsageError: several begin so.
        """
        ids = self._ids()
        if run_id in ids:
            return Run(self.folder / run_id)
        matches = [candidate for candidate in ids if run_id and candidate.startswith(run_id)]
        if len(matches) == 1:
            return Run(self.folder / matches[0])
        if matches:
            raise UsageError(f"several runs begin with {run_id!r}", ", ".join(matches[:10]), "give more of the id")
        raise NotFoundError(
            f"no run {run_id!r} in {self._workspace.root}{suggestion(run_id, ids)}",
            f"one of {', '.join(ids[:10])}" if ids else "a run; there is none yet",
            "pigeonhole runs list" if ids else "pigeonhole train DATASET --model cnn",
        )

    def write(self, run_id: str) -> Run:
        """As `get`, open for writing; use it in a `with` block.

        Raises:
            ConflictError: another process writes it.
        """
        return self.get(run_id).hold()

    def list(self) -> list[Run]:
        """All runs, the newest first, open for reading."""
        runs = []
        for run_id in self._ids():
            with contextlib.suppress(FileNotFoundError):  # removed by somebody else a moment ago
                runs.append(Run(self.folder / run_id))
        return sorted(runs, key=lambda run: (run.record["created_at"], run.id), reverse=True)

    def remove(self, run_id: str, needed_by: Sequence[str] = ()) -> str:
        """Removes a run and its mirror in MLflow.

        Args:
            run_id: the run, or the beginning of its id.
            needed_by: what still needs it, in the user's words (`model digits:3`).

        Returns:
            The id of the run that is gone.

        Raises:
            ConflictError: something needs it (another run that started from it counts), or it is being written.
        """
        run = self.get(run_id)
        needed = [*needed_by, *(f"run {child.id}" for child in self.list() if _parent(child) == run.id)]
        if needed:
            raise ConflictError(
                f"run {run.id} is still needed by {', '.join(needed)}",
                "a run that nothing was made from",
                "remove those first",
            )
        with exclusive(self.folder / _CHOOSING, "the list of runs", wait=True), run.hold():
            if (run.folder / MLFLOW).is_file():
                from pigeonhole.tracking.mirror import forget

                forget(self._workspace, run)
            # Renamed first: a kill in the middle of deleting must not leave half a run in the list.
            grave = self.folder / f".staging-{os.getpid()}-{run.id}"
            run.folder.rename(grave)
        shutil.rmtree(grave)
        return run.id

    def _ids(self) -> tuple[str, ...]:
        return tuple(sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{RECORD}")))

    def _unfinished(self, fingerprint: str, *, settled_too: bool = False) -> Run | None:
        for run in self.list():
            if run.record["fingerprint"] == fingerprint and (settled_too or not run.settled):
                return run
        return None

    def _new(self, request: Request) -> Run:
        stem = re.sub(r"[^a-z0-9]+", "-", Path(request.model).stem.lower()).strip("-") or "run"
        while True:
            run_id = f"{stem}-{secrets.token_hex(3)}"
            with staged_folder(self.folder) as staged:
                write_json(staged / RECORD, request.to_record(run_id))
                if publish(staged, self.folder / run_id):
                    return Run(self.folder / run_id)


def _parent(run: Run) -> str | None:
    parent = run.record["parent"]
    return str(parent).partition(":")[0] if parent else None
