"""The folder of a job under way, `OUT.partial`: whose it is, its journal, and the moves that end it. Predicts nothing.

A kill at any moment leaves it so that the same job goes on: the journal holds only whole records, the finished files
are made in the folder, and once its `result.json` stands they are moved to their places one by one, the record of the
job last. The folder is removed after that.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pigeonhole.batch.result import FORMAT, FORMAT_VERSION, failures_file, record_file
from pigeonhole.core.errors import ConflictError
from pigeonhole.core.files import fsync, read_json, write_json
from pigeonhole.core.locks import exclusive

_JOB, _JOURNAL, _OUTPUT, _FAILURES, _RESULT = "job.json", "journal", "output", "failed.csv", "result.json"


class Job:
    """A job that this process works on; made by `begin`."""

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder, self._out = folder, out

    @property
    def journal(self) -> Path:
        """The file of the journal."""
        return self.folder / _JOURNAL

    @property
    def output(self) -> Path:
        """Where to make the file of predictions."""
        return self.folder / _OUTPUT

    @property
    def failures(self) -> Path:
        """Where to make the list of failures."""
        return self.folder / _FAILURES

    @property
    def complete(self) -> bool:
        """Whether all files are made, so that they only have to be moved."""
        return (self.folder / _RESULT).is_file()

    def discard(self) -> None:
        """Removes what was made of the finished files."""
        for path in (self.output, self.failures):
            path.unlink(missing_ok=True)

    def publish(self, identity: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Moves the finished files to their places; the record that says what they are comes last."""
        for path in (self.output, self.failures, self.journal):
            if path.exists():
                fsync(path)
        record = {"type": FORMAT, "format_version": FORMAT_VERSION, "job": dict(identity), "result": dict(result)}
        write_json(self.folder / _RESULT, record)
        self.move()
        self.remove()

    def move(self) -> None:
        """Moves what is not moved yet. Whether something may be in the way was asked before."""
        if not read_json(self.folder / _RESULT)["result"]["failed"]:
            failures_file(self._out).unlink(missing_ok=True)
        for path, target in ((self.output, self._out), (self.failures, failures_file(self._out))):
            if path.exists():
                path.rename(target)
        (self.folder / _RESULT).rename(record_file(self._out))
        fsync(self._out.parent)

    def remove(self) -> None:
        """Removes the folder: the job is done."""
        shutil.rmtree(self.folder)


def partial_folder(out: Path) -> Path:
    """Where the work for `out` is kept until it is done."""
    return out.with_name(f"{out.name}.partial")


@contextlib.contextmanager
def begin(out: Path, identity: Mapping[str, Any]) -> Iterator[Job]:
    """The job that makes `out`: begun, or gone on with; one process at a time.

    Args:
        out: the file of predictions.
        identity: all that decides what is predicted, as JSON-ready values.

    Raises:
        ConflictError: another process works on it, or what was begun was another job.
    """
    folder = partial_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / "lock", f"the file {out}"):
        if not (folder / "lock").exists():
            raise ConflictError(f"{out} was finished by another process just now", "", "run the same command again")
        _check_same(folder, {"type": FORMAT, "format_version": FORMAT_VERSION, **identity})
        yield Job(folder, out)


def _check_same(folder: Path, identity: Mapping[str, Any]) -> None:
    path = folder / _JOB
    if not path.is_file():
        write_json(path, dict(identity))
        return
    begun = read_json(path)
    if begun != identity:
        differing = [name for name in identity if begun.get(name) != identity[name]]
        told = "; ".join(f"{name} was {_short(begun.get(name))} and is {_short(identity[name])}" for name in differing)
        raise ConflictError(
            f"{folder} holds the work of another job: {told}",
            "the same model, images and options as when it was begun",
            f"give the same line as before to go on, or remove {folder} to begin anew",
        )


def _short(value: Any) -> str:
    """The value as text; of a hash its beginning."""
    text = str(value)
    return text if len(text) < 64 else f"{text[:12]}…"
