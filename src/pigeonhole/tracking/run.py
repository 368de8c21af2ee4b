"""One run folder: its record, its epochs, and where its files go. Knows nothing of MLflow or of models."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, PigeonholeError, UsageError
from pigeonhole.core.files import read_json, write_bytes, write_json
from pigeonhole.core.locks import exclusive, is_held
from pigeonhole.tracking import history
from pigeonhole.tracking.record import FORMAT_VERSION, Record

if TYPE_CHECKING:
    import numpy as np

RECORD = "run.json"
LOCK = "lock"
HISTORY = "history.jsonl"
MLFLOW = "mlflow.json"
_ARRAY_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Run:
    """One training, finished or not. Open for reading unless `Runs` opened it for writing.

    As a context manager it ends the writing: an exception inside marks the run Failed (Canceled for Ctrl-C), and
    the lock is freed on every way out.

    Args:
        folder: the run's folder.

    Raises:
        UsageError: a later release wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self._held: contextlib.ExitStack | None = None
        self._turn = threading.RLock()
        self._record = _read_record(folder)

    @property
    def record(self) -> Record:
        """The record as it is on disk now."""
        with self._turn:
            if self._held is None:
                self._record = _read_record(self.folder)
            return self._record

    @property
    def status(self) -> str:
        """Running, Completed, Failed, Canceled; NotResponding where the record says Running but its process is gone."""
        status = str(self.record["status"])
        return "NotResponding" if status == "Running" and self.interrupted else status

    @property
    def interrupted(self) -> bool:
        """Whether its process ended without a word (SIGKILL, power cut); the same command goes on with it."""
        return self._held is None and self._record["status"] == "Running" and not is_held(self.folder / LOCK)

    @property
    def finished(self) -> bool:
        """Whether the training reached its end."""
        return bool(self.record["status"] == "Completed")

    @property
    def metrics(self) -> dict[str, Any]:
        """The final figures by name."""
        return dict(self.record["metrics"])

    @property
    def mlflow_run_id(self) -> str | None:
        """The id of its mirror in MLflow; `None` while there is none."""
        path = self.folder / MLFLOW
        return str(read_json(path)["run_id"]) if path.is_file() else None

    @property
    def training(self) -> Path:
        """The folder that `models.fit` owns: checkpoints and the chosen weights."""
        return self._subfolder("training")

    @property
    def plots(self) -> Path:
        """The folder of pictures of the training."""
        return self._subfolder("plots")

    @property
    def evaluation(self) -> Path:
        """The folder of `evaluate`: `evaluation.json` and its pictures."""
        return self._subfolder("evaluation")

    @property
    def bundle(self) -> Path:
        """Where the exported bundle stands once there is one; never made here."""
        return self.folder / "bundle"

    def command(self) -> str:
        """The line that makes this run again."""
        return str(self.record["command"])

    def history(self) -> list[history.Epoch]:
        """The epochs so far, in order, each once."""
        return history.read(self.folder / HISTORY)

    def append_epoch(self, record: Mapping[str, Any]) -> None:
        """Adds an epoch (`epoch` from 1, losses, accuracies …), stamped with the time.

        Raises:
            ConflictError: the run is open for reading.
            DataError: the disk is full.
        """
        self._must_hold()
        history.append(self.folder / HISTORY, {**record, "logged_at": utc_now()})

    def update(self, **changes: Any) -> None:
        """Changes keys of the record, in one step.

        Raises:
            ConflictError: the run is open for reading.
        """
        self._must_hold()
        with self._turn:
            self._record = {**self._record, **changes}
            write_json(self.folder / RECORD, self._record)

    def add_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Adds final figures to the record, or replaces those of the same name."""
        self.update(metrics={**self._record["metrics"], **metrics})

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """The training reached its end with these figures."""
        self.update(status="Completed", ended_at=utc_now(), error=None, metrics={**self._record["metrics"], **metrics})

    def settle(self) -> None:
        """Nothing is left to do for this run: the same request starts a new one."""
        self.update(settled_at=utc_now())

    @property
    def settled(self) -> bool:
        """Whether it reached its end and everybody who was to know of it knows."""
        return self.finished and self.record["settled_at"] is not None

    def fail(self, error: BaseException) -> None:
        """The training stopped because of `error`, which is kept with its traceback."""
        told = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
        }
        if isinstance(error, PigeonholeError):
            told |= {"received": error.received, "accepted": error.accepted, "remedy": error.remedy}
        self.update(status="Failed", ended_at=utc_now(), error=told)

    def cancel(self, reason: str | None = None) -> None:
        """Somebody stopped the training, for that reason if there is one to tell; the same command goes on with it."""
        why = {} if reason is None else {"canceled_because": reason}
        self.update(status="Canceled", ended_at=utc_now(), error=None, **why)

    def save_array(self, name: str, array: np.ndarray) -> Path:
        """Keeps an array in the run as `arrays/NAME.npy`.

        Args:
            name: lower-case letters, digits and `_`.
            array: any shape; no objects.

        Raises:
            ConflictError: the run is open for reading.
            DataError: the disk is full.
        """
        import numpy as np

        self._must_hold()
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        path = self._array(name)
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, buffer.getvalue())
        return path

    def load_array(self, name: str) -> np.ndarray:
        """The array kept by `save_array`.

        Raises:
            NotFoundError: the run has none of that name.
        """
        import numpy as np

        path = self._array(name)
        if not path.is_file():
            there = ", ".join(sorted(file.stem for file in path.parent.glob("*.npy"))) or "none"
            raise NotFoundError(f"run {self.id} has no array {name!r}", f"its arrays: {there}", "train it again")
        loaded: np.ndarray = np.load(path, allow_pickle=False)
        return loaded

    def hold(self) -> Self:
        """Opens the run for writing.

        Raises:
            ConflictError: another process writes it; the message names the process.
        """
        stack = contextlib.ExitStack()
        stack.enter_context(exclusive(self.folder / LOCK, f"run {self.id}"))
        self._record = _read_record(self.folder)
        self._held = stack
        return self

    def close(self) -> None:
        """Ends the writing and frees the lock."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and self._held is not None and self._record["status"] == "Running":
                # A full disk may refuse this too; the run then reads NotResponding, and the first error is the news.
                with contextlib.suppress(OSError, DataError):
                    self.fail(error) if isinstance(error, Exception) else self.cancel()
        finally:
            self.close()

    def _must_hold(self) -> None:
        if self._held is None:
            raise ConflictError(
                f"run {self.id} is open for reading", "a run opened with Runs.write", "open it for writing"
            )

    def _subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def _array(self, name: str) -> Path:
        if not _ARRAY_NAME.fullmatch(name):
            raise UsageError(f"the array name {name!r}", "lower-case letters, digits and '_'", "choose another name")
        return self.folder / "arrays" / f"{name}.npy"


def _read_record(folder: Path) -> Record:
    record: Record = read_json(folder / RECORD)
    if record.get("format_version") != FORMAT_VERSION:
        raise UsageError(
            f"run {folder.name} has format version {record.get('format_version')}",
            f"format version {FORMAT_VERSION}",
            "use the pigeonhole release that made it, or a later one",
        )
    return record
