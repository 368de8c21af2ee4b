"""Mirrors run folders into MLflow, as often as one likes: what is there already is not written again.

The run folder stays the truth. Nothing here changes it, except for the id of its mirror in `mlflow.json`.
"""

from __future__ import annotations

import getpass
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pigeonhole.core.files import write_bytes, write_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.run import HISTORY, MLFLOW, RECORD, Run
from pigeonhole.tracking.store import experiment_id, is_local, local_path, open_client

TAG = "pigeonhole.run_id"
STATUSES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
_FOLDERS = ("plots", "evaluation")
_NOT_METRICS = {"epoch", "epochs", "logged_at"}
_LONGEST_VALUE = 5000
_BATCH = 500
_FORBIDDEN = re.compile(r"[^\w\-. /:]")


def sync(workspace: Workspace, run: Run) -> str:
    """Brings the mirror of `run` up to date.

    Returns:
        The run's id in MLflow.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """
    return Session(workspace, run).sync()


def forget(workspace: Workspace, run: Run) -> None:
    """Deletes the mirror of `run`, if there is one; MLflow keeps deleted runs until its own `mlflow gc`."""
    client = open_client(workspace)
    for found in _search(client, run):
        client.delete_run(found)


class Session:
    """One run's mirror, with what is known to be there already.

    Args:
        workspace: where the run is.
        run: the run, open for reading or writing.
    """

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self._client = open_client(workspace)
        self._run = run
        self._id = self._find() or self._create(workspace)
        write_json(run.folder / MLFLOW, {"run_id": self._id})
        self._epochs = self._epochs_there()
        # What a user's script calls its parameters is its own affair, and MLflow lets none be changed.
        if run.record["spec"].get("kind") != "script":
            self._describe()

    def sync(self) -> str:
        """Writes what is new; the run's id in MLflow."""
        self._log_epochs()
        self._log_status()
        if self._run.status in STATUSES:
            self._log_figures()
            self._log_artifacts()
        return self._id

    def _find(self) -> str | None:
        # Found by tag, not by mlflow.json: the process may have been killed between making it and noting it.
        found = _search(self._client, self._run)
        return found[0] if found else None

    def _create(self, workspace: Workspace) -> str:
        record = self._run.record
        experiment = experiment_id(self._client, workspace, str(record["dataset"]).partition(":")[0])
        created = self._client.create_run(
            experiment, start_time=_milliseconds(record["created_at"]), run_name=self._run.id, tags=_tags(self._run)
        )
        return str(created.info.run_id)

    def _epochs_there(self) -> set[tuple[str, int]]:
        there = self._client.get_run(self._id).data.metrics
        return {(key, metric.step) for key in there for metric in self._client.get_metric_history(self._id, key)}

    def _describe(self) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

        record = self._run.record
        params = [Param(key, value) for key, value in _params(record)]
        tags = [RunTag(key, value) for key, value in _tags(self._run).items()]
        for start in range(0, len(params), 100):
            self._client.log_batch(self._id, params=params[start : start + 100])
        self._client.log_batch(self._id, tags=tags)
        dataset = Dataset(
            name=record["dataset"],
            digest=record["dataset_sha256"][:16],
            source_type="local",
            source=json.dumps({"pigeonhole_dataset": record["dataset"], "sha256": record["dataset_sha256"]}),
        )
        self._client.log_inputs(self._id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def _log_epochs(self) -> None:
        from mlflow.entities import Metric

        news = [
            Metric(key, value, _milliseconds(record["logged_at"]), record["epoch"])
            for record in self._run.history()
            for key, value in _numbers(record)
            if key not in _NOT_METRICS and (key, record["epoch"]) not in self._epochs
        ]
        self._log_metrics(news)
        self._epochs |= {(metric.key, metric.step) for metric in news}

    def _log_figures(self) -> None:
        from mlflow.entities import Metric

        there = self._client.get_run(self._id).data.metrics
        by_epoch = {key for record in self._run.history() for key in record}
        at = _milliseconds(self._run.record["ended_at"])
        # The last epoch's value would hide the chosen epoch's behind it, so figures of such a name get their own.
        named = ((f"final_{key}" if key in by_epoch else key, value) for key, value in _numbers(self._run.metrics))
        self._log_metrics([Metric(key, value, at, 0) for key, value in named if there.get(key) != value])

    def _log_metrics(self, metrics: list[Any]) -> None:
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(self._id, metrics=metrics[start : start + _BATCH])

    def _log_status(self) -> None:
        wanted = STATUSES.get(self._run.status, "RUNNING")
        if self._client.get_run(self._id).info.status == wanted:
            return
        if wanted == "RUNNING":
            self._client.update_run(self._id, status=wanted)
            return
        self._client.set_terminated(self._id, wanted, _milliseconds(self._run.record["ended_at"]))

    def _log_artifacts(self) -> None:
        uri = self._client.get_run(self._id).info.artifact_uri
        for path in _artifacts(self._run.folder):
            inside = path.relative_to(self._run.folder)
            if not is_local(uri):
                self._client.log_artifact(self._id, str(path), None if inside.parent == Path() else str(inside.parent))
            elif not _same(path, local_path(uri) / inside):
                # Written by ourselves: MLflow remembers a run's place for as long as the process lives, moved or not.
                (local_path(uri) / inside).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(local_path(uri) / inside, path.read_bytes())


def _search(client: Any, run: Run) -> list[str]:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, filter_string=f"tags.`{TAG}` = '{run.id}'", order_by=["start_time ASC"])
    return [str(entry.info.run_id) for entry in found]


def _artifacts(folder: Path) -> Iterator[Path]:
    yield from (path for name in (RECORD, HISTORY) if (path := folder / name).is_file())
    for name in _FOLDERS:
        yield from sorted(path for path in (folder / name).rglob("*") if path.is_file() and path.name[0] != ".")


def _same(ours: Path, mirrored: Path) -> bool:
    return mirrored.is_file() and mirrored.read_bytes() == ours.read_bytes()


def _params(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    values = {"model": record["model"], "dataset": record["dataset"], "seed": record["seed"], **_flat(record["spec"])}
    return [(_FORBIDDEN.sub("_", key)[:250], _text(value)) for key, value in values.items()]


def _tags(run: Run) -> dict[str, str]:
    record = run.record
    environment = record["environment"]
    commit = environment["code"]["git_commit"] or environment["code"]["pigeonhole_commit"]
    tags = {
        TAG: run.id,
        "pigeonhole.dataset": record["dataset"],
        "pigeonhole.dataset_sha256": record["dataset_sha256"],
        "pigeonhole.seed": record["seed"],
        "pigeonhole.fingerprint": record["fingerprint"],
        "pigeonhole.command": record["command"],
        "pigeonhole.parent": record["parent"],
        "pigeonhole.trial": record.get("trial"),
        "mlflow.user": _user(),
        "mlflow.source.name": record["command"],
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit and commit.partition("+")[0],
        **{f"environment.{key}": value for key, value in _flat(environment).items()},
    }
    return {key: _text(value) for key, value in tags.items() if value is not None}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user id without a name
        return "unknown"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… (whole in run.json)"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in _flat(values).items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield _FORBIDDEN.sub("_", key)[:250], float(value)


def _milliseconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp() * 1000)
