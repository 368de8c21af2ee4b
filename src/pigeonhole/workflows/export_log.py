"""`export_log`: an endpoint's prediction log in, the files that Azure ML's data collector would have written out."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import predictions
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.monitor import ALL, window_start_s


def export_log(
    endpoint: str,
    *,
    to: str | Path,
    window: str = ALL,
    images: bool = True,
    workspace: Workspace | str | Path | None = None,
) -> predictions.ExportedLog:
    """What an endpoint answered, as JSON lines in `TO/ENDPOINT/DEPLOYMENT/COLLECTION/yyyy/MM/dd/HH`; all or nothing.

    The collections are `model_inputs`, `model_outputs` and, for what people gave feedback on, `ground_truth`; a
    request has the same `correlationid` in each.

    Args:
        endpoint: the endpoint's name; one that was stopped still has its log.
        to: the folder; must not hold a folder of the endpoint's name yet.
        window: how far back to look: `90s`, `20m`, `2h`, `7d`, or `all`.
        images: whether the images themselves are written, or only their statistics.
        workspace: where the endpoint is recorded.

    Raises:
        NotFoundError: it answered nothing in the window.
        ConflictError: the folder is there already.
        UsageError: the window is no duration, or the folder cannot be written to.
    """
    space = Workspace.find(workspace)
    return predictions.export_log(space.database, endpoint, Path(to), window_start_s(window), images=images)
