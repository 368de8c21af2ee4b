"""`monitor`: an endpoint's prediction log and feedback in, Signals out."""

from __future__ import annotations

import re
import time
from pathlib import Path

from pigeonhole import bundle, endpoints, monitoring, predictions, scripts
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace

ALL = "all"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def monitor(endpoint: str, *, window: str = ALL, workspace: Workspace | str | Path | None = None) -> monitoring.Signals:
    """How an endpoint is doing: load, latency, errors, class mix, confidence, live accuracy.

    Args:
        endpoint: the endpoint's name; one that was stopped still has its log.
        window: how far back to look: `90s`, `20m`, `2h`, `7d`, or `all`.
        workspace: where the endpoint is recorded.

    Raises:
        NotFoundError: there is none of that name.
        UsageError: the window is no duration.
    """
    space = Workspace.find(workspace)
    since_s = window_start_s(window)
    until_s = None if since_s is None else time.time()
    seen = predictions.read_window(space.database, endpoint, since_s, until_s)
    folder = Path(endpoints.last_deployment(space, endpoint).bundle_folder)
    # Of a script, load, latency and errors are known; classes and probabilities only where it answered with a bundle.
    is_bundle = folder.is_dir() and not scripts.is_script(folder)
    served = bundle.load(folder, verify=False) if is_bundle else None
    class_names = served.class_names if served else seen.class_names
    signals = monitoring.signals(seen, class_names, served.reference if served else None)
    monitoring.keep(space.database, endpoint, signals)
    return signals


def window_start_s(window: str) -> float | None:
    """When a window begins that ends now, in seconds since 1970; `None` for `all`.

    Raises:
        UsageError: it is no duration.
    """
    if window == ALL:
        return None
    match = _DURATION.fullmatch(window.strip())
    if match is None:
        raise UsageError(f"the window {window!r}", "90s, 20m, 2h, 7d or all", "correct --window")
    return time.time() - float(match[1]) * _SECONDS[match[2]]
