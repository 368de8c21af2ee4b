"""The noun `models`: registered versions listed, shown, compared, promoted and removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pigeonhole import endpoints, tracking
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows import runs

WorkspaceLike = Workspace | str | Path | None


def list_models(*, workspace: WorkspaceLike = None) -> list[tracking.ModelVersion]:
    """All registered model versions."""
    return tracking.list_versions(Workspace.find(workspace))


def model(ref: str, *, workspace: WorkspaceLike = None) -> tracking.ModelVersion:
    """The version that `ref` names (`digits`, `digits:3`, `digits@champion`).

    Raises:
        NotFoundError: there is none.
    """
    return tracking.resolve(Workspace.find(workspace), ref)


def compare(refs: Sequence[str], *, workspace: WorkspaceLike = None) -> runs.RunComparison:
    """Model versions side by side, through the runs they came from.

    Raises:
        UsageError: a version was made elsewhere and has no run.
    """
    space = Workspace.find(workspace)
    found = [tracking.resolve(space, ref) for ref in refs]
    for version in found:
        if version.run_id is None:
            raise UsageError(
                f"model {version.ref} was made elsewhere",
                "models that came from runs",
                "leave it out of the comparison",
            )
    return runs.compare([str(version.run_id) for version in found], workspace=space)


def promote(ref: str, *, alias: str = "champion", workspace: WorkspaceLike = None) -> tracking.ModelVersion:
    """Moves an alias to a version; the version that had it loses it."""
    return tracking.promote(Workspace.find(workspace), ref, alias=alias)


def remove(ref: str, *, workspace: WorkspaceLike = None) -> str:
    """Removes a model version and returns its full name.

    Raises:
        ConflictError: an endpoint serves it.
    """
    space = Workspace.find(workspace)
    version = tracking.resolve(space, ref)
    needed_by = [
        f"endpoint {status.name}"
        for status in endpoints.list_endpoints(space)
        if any(item.model == version.ref for item in status.deployments) and status.pids
    ]
    return tracking.remove(space, version.ref, needed_by).ref
