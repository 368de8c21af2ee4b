"""The last jobs of a search: its page, and the mirror of its best run in MLflow. What has no time left is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole import reports, tracking
from pigeonhole.compute.job import Conversation
from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.files import read_json
from pigeonhole.core.workspace import Workspace

DRAW, MIRROR = f"{__name__}:draw", f"{__name__}:mirror"
REPORT, FACTS = "report", "report.json"


def draw(arguments: Mapping[str, Any], conversation: Conversation) -> str | None:  # noqa: ARG001
    """The page's path; `None` where the packages for charts are not installed."""
    folder = Path(arguments["folder"])
    try:
        return str(reports.draw_automl(read_json(folder / FACTS), folder / REPORT))
    except MissingDependencyError:
        return None


def mirror(arguments: Mapping[str, Any], conversation: Conversation) -> str | None:  # noqa: ARG001
    """The run's id in MLflow; `None` where it is not installed."""
    space = Workspace(Path(arguments["workspace"]))
    try:
        with tracking.Mirror(space, tracking.Runs(space).get(arguments["run_id"])):
            pass
    except MissingDependencyError:
        return None
    return tracking.Runs(space).get(arguments["run_id"]).mlflow_run_id
