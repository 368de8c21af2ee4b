"""`status`: what the workspace holds, what runs, what needs attention, and the next command."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pigeonhole import data, tracking
from pigeonhole import endpoints as endpoint_room
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.deploy import HEALTHY
from pigeonhole.workflows.registry import list_models
from pigeonhole.workflows.runs import RunSummary, list_runs

IN_TROUBLE = {"Unhealthy", "Unschedulable", "Failed"}


@dataclass(frozen=True)
class Status:
    """The state of a workspace in one look."""

    workspace: str
    holds: dict[str, int]
    running: tuple[str, ...]
    attention: tuple[str, ...]
    next: str

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class _Contents:
    datasets: list[data.DatasetSummary]
    runs: list[RunSummary]
    models: list[tracking.ModelVersion]
    endpoints: list[endpoint_room.EndpointStatus]


def status(*, workspace: Workspace | str | Path | None = None) -> Status:
    """What the workspace holds, what runs, what needs attention, and the next sensible command."""
    space = Workspace.find(workspace)
    contents = _Contents(
        data.list_datasets(space),
        list_runs(workspace=space),
        list_models(workspace=space),
        endpoint_room.list_endpoints(space),
    )
    holds = {name: len(getattr(contents, name)) for name in ("datasets", "runs", "models", "endpoints")}
    return Status(str(space.root), holds, _running(contents), _attention(contents), _next(contents))


def _running(contents: _Contents) -> tuple[str, ...]:
    training = [
        f"run {run.run_id} trains {run.model} on {run.dataset}" for run in contents.runs if run.status == "Running"
    ]
    serving = [f"endpoint {item.name} is {item.state} at {item.url}" for item in contents.endpoints if item.pids]
    return tuple(training + serving)


def _attention(contents: _Contents) -> tuple[str, ...]:
    stopped = [
        f"run {run.run_id} was interrupted; go on with: {run.command()}"
        for run in contents.runs
        if run.status in {"NotResponding", "Canceled"}
    ]
    failed = [f"run {run.run_id} failed: {_first_line(run.error)}" for run in contents.runs if run.status == "Failed"]
    sick = [
        f"endpoint {item.name} is {item.state}: {item.reason}; {item.remedy}"
        for item in contents.endpoints
        if item.state in IN_TROUBLE
    ]
    return tuple(stopped + failed + sick)


def _next(contents: _Contents) -> str:
    """The first step of the loop that has not been taken."""
    finished = [run for run in contents.runs if run.status == "Completed"]
    evaluated = [run for run in finished if run.evaluation]
    healthy = [item for item in contents.endpoints if item.state == HEALTHY]
    if not contents.datasets:
        return "pigeonhole ingest mnist-5k --name digits"
    if not finished:
        return f"pigeonhole train {contents.datasets[-1].ref} --model cnn"
    if not evaluated:
        return f"pigeonhole evaluate {finished[0].run_id}"
    if not contents.models:
        return f"pigeonhole register {evaluated[0].run_id} --as {evaluated[0].dataset.split(':')[0]}"
    if not healthy:
        model = next((each for each in contents.models if "champion" in each.aliases), contents.models[0])
        return f"pigeonhole deploy {model.ref} --endpoint {model.name} --port 8080"
    return f"pigeonhole monitor {healthy[0].name}"


def _first_line(error: str | None) -> str:
    return next(iter((error or "").splitlines()), "its record has the traceback")
