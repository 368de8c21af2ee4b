"""The noun `runs`: trainings listed, shown, compared and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pigeonhole import evaluation, reports, tracking
from pigeonhole.core.errors import GateError, NotFoundError, UsageError
from pigeonhole.core.files import read_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.exporting import dataset_of, export_run

LATEST = "latest"
WorkspaceLike = Workspace | str | Path | None


@dataclass(frozen=True)
class RunSummary:
    """A run as users see it.

    Attributes:
        run_id: its name.
        status: Running, Completed, Failed, Canceled, or NotResponding (its process is gone; the same line goes on).
        metrics: final figures by name.
        evaluation: the figures of `evaluate`, or `None`.
        parent: the run, and epoch, that it started from.
    """

    run_id: str
    status: str
    model: str
    dataset: str
    seed: int
    settings: dict[str, Any]
    parent: str | None
    metrics: dict[str, Any]
    evaluation: dict[str, Any] | None
    error: str | None
    created_at: str
    again: str
    folder: str
    mlflow_run_id: str | None

    def command(self) -> str:
        """The line that makes this run again."""
        return self.again

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-ready values."""
        return asdict(self)


def find_run(space: Workspace, ref: str) -> tracking.Run:
    """The run that `ref` names: an id, its unique beginning, `latest`, or `latest~N` for the Nth before it.

    Raises:
        NotFoundError: there is none.
    """
    stem, tilde, back = ref.partition("~")
    if stem != LATEST:
        return tracking.Runs(space).get(ref)
    if tilde and not back.isdigit():
        raise UsageError(f"the run {ref!r}", "latest, or latest~N with a whole number N", "pigeonhole runs list")
    found = tracking.Runs(space).list()
    position = int(back or 0)
    if position >= len(found):
        raise NotFoundError(
            f"the run {ref!r} in a workspace with {len(found)} runs",
            "a run; pigeonhole runs list shows them",
            "pigeonhole train DATASET --model cnn",
        )
    return found[position]


def describe(run: tracking.Run) -> RunSummary:
    """The run as users see it."""
    record = run.record
    figures = run.evaluation / "evaluation.json"
    return RunSummary(
        run_id=run.id,
        status=run.status,
        model=record["model"],
        dataset=record["dataset"],
        seed=record["seed"],
        settings=record["settings"],
        parent=record["parent"],
        metrics=run.metrics,
        evaluation=read_json(figures) if figures.is_file() else None,
        error=record["error"]["message"] if record["error"] else None,
        created_at=record["created_at"],
        again=run.command(),
        folder=str(run.folder),
        mlflow_run_id=run.mlflow_run_id,
    )


def members_of(run: tracking.Run) -> tuple[str, ...]:
    """The runs whose models an ensemble is made of, in its order; none for any other run."""
    return tuple(member["run_id"] for member in run.record["spec"].get("ensemble", {}).get("members", ()))


def run(ref: str, *, workspace: WorkspaceLike = None) -> RunSummary:
    """The run that `ref` names.

    Raises:
        NotFoundError: there is none.
    """
    return describe(find_run(Workspace.find(workspace), ref))


def list_runs(*, workspace: WorkspaceLike = None) -> list[RunSummary]:
    """All runs, the newest first."""
    return [describe(found) for found in tracking.Runs(Workspace.find(workspace)).list()]


@dataclass(frozen=True)
class RunComparison:
    """Runs side by side; the first is the one that the others are compared with."""

    runs: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-ready values."""
        return asdict(self)


def compare(
    refs: Sequence[str], *, picture: str | Path | None = None, workspace: WorkspaceLike = None
) -> RunComparison:
    """Accuracy with interval, paired p, seconds, peak memory, parameters, bundle size and latency, side by side.

    Args:
        refs: two runs or more; p values are against the first, by the exact McNemar test on the same images.
        picture: a folder to draw `comparison.png` in; `None` draws nothing.
        workspace: where to look.

    Raises:
        UsageError: fewer than two runs, or runs that were scored on different images.
        GateError: a run was not evaluated, or its export does not verify.
    """
    if len(refs) < 2:
        raise UsageError(f"{len(refs)} run to compare", "two or more", "name another run; pigeonhole runs list")
    space = Workspace.find(workspace)
    found = [find_run(space, ref) for ref in refs]
    scored = [_scored(item) for item in found]
    first = scored[0]
    for item, figures in zip(found, scored, strict=True):
        if (figures["dataset"], figures["split"]) != (first["dataset"], first["split"]):
            raise UsageError(
                f"run {item.id} was scored on {figures['dataset']} ({figures['split']}), "
                f"run {found[0].id} on {first['dataset']} ({first['split']})",
                "runs scored on the same images",
                "compare runs of one dataset version",
            )
    rows = [_row(_exported(space, item), figures, found[0]) for item, figures in zip(found, scored, strict=True)]
    if picture is not None:
        Path(picture).mkdir(parents=True, exist_ok=True)
        reports.comparison_chart([_bar(row) for row in rows], Path(picture), on=first["split"])
    return RunComparison(tuple(rows))


def _exported(space: Workspace, item: tracking.Run) -> tracking.Run:
    """The run with its bundle, so that size and latency are known; exported now if `register` has not done it."""
    if not (item.bundle / "manifest.json").is_file():
        with tracking.Runs(space).write(item.id) as writing:
            export_run(writing, dataset_of(space, writing))
    return item


def _scored(item: tracking.Run) -> dict[str, Any]:
    figures = describe(item).evaluation
    if figures is None:
        raise GateError(f"run {item.id} was not evaluated", "an evaluated run", f"pigeonhole evaluate {item.id}")
    return figures


def _row(item: tracking.Run, figures: dict[str, Any], first: tracking.Run) -> dict[str, Any]:
    metrics = item.metrics
    paired = None
    if item.id != first.id:
        paired = evaluation.compare(
            item.load_array("evaluated_labels"), first.load_array("evaluated_probs"), item.load_array("evaluated_probs")
        )
    return {
        "run_id": item.id,
        "model": item.record["model"],
        "dataset": figures["dataset"],
        "split": figures["split"],
        "accuracy": figures["accuracy"],
        "p": paired.p_value if paired else None,
        "difference": paired.to_dict()["difference"] if paired else None,
        "seconds": metrics.get("seconds"),
        "peak_memory_bytes": metrics.get("peak_memory_bytes"),
        "parameters": metrics.get("parameters"),
        "bundle_size_bytes": metrics.get("bundle_size_bytes"),
        "latency_ms": metrics.get("latency_ms"),
    }


def _bar(row: dict[str, Any]) -> dict[str, Any]:
    """The row in the words of the chart."""
    words = {"name": "run_id", "p_value": "p", "n_parameters": "parameters", "bundle_bytes": "bundle_size_bytes"}
    same = ("accuracy", "seconds", "peak_memory_bytes", "latency_ms")
    return {name: row[name] for name in same} | {name: row[key] for name, key in words.items()}


def remove(ref: str, *, workspace: WorkspaceLike = None) -> str:
    """Removes a run and returns its id.

    Raises:
        ConflictError: a registered model came from it, another run started from it or is an ensemble with it, or it is
            being written.
    """
    space = Workspace.find(workspace)
    found = find_run(space, ref)
    needed_by = [f"model {version.ref}" for version in tracking.list_versions(space) if version.run_id == found.id]
    needed_by += [f"run {one.id}" for one in tracking.Runs(space).list() if found.id in members_of(one)]
    return tracking.Runs(space).remove(found.id, needed_by)
