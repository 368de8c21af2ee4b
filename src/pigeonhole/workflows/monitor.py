"""`monitor`: an endpoint's prediction log and feedback in, Signals out."""

from __future__ import annotations

import re
import time
from pathlib import Path

from pigeonhole import bundle, endpoints, monitoring, predictions
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace

ALL = "all"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def monitor(endpoint: str, *, window: str = ALL, workspace: Workspace | str | Path | None = None) -> monitoring.Signals:
    """How an endpoint is doing: load, latency, errors, class mix, confidence, live accuracy.

    Args:
        endpoint: the endpoint's name; it need not run.
        window: how far back to look: `90s`, `20m`, `2h`, `7d`, or `all`.
        workspace: where the endpoint is recorded.

    Raises:
        NotFoundError: there is none of that name.
        UsageError: the window is no duration.
    """
    space = Workspace.find(workspace)
    status = endpoints.show(space, endpoint)
    served = bundle.load(Path(status.deployments[0].bundle_folder), verify=False)
    seen = predictions.read_window(space.database, status.name, _since_s(window))
    signals = monitoring.signals(seen, served.class_names, served.reference)
    monitoring.keep(space.database, status.name, signals)
    return signals


def _since_s(window: str) -> float | None:
    if window == ALL:
        return None
    match = _DURATION.fullmatch(window.strip())
    if match is None:
        raise UsageError(f"the window {window!r}", "90s, 20m, 2h, 7d or all", "correct --window")
    return time.time() - float(match[1]) * _SECONDS[match[2]]
