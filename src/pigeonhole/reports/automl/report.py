"""The report of an AutoML search: `automl.html`, which stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.core.files import write_bytes
from pigeonhole.reports import style
from pigeonhole.reports.automl.history import history_chart
from pigeonhole.reports.automl.latency import latency_chart
from pigeonhole.reports.automl.page import render

PAGE = "automl.html"
_CHARTS = {"history": history_chart, "latency": latency_chart}


def draw_automl(facts: Mapping[str, Any], folder: Path) -> Path:
    """Writes `automl.html`.

    Any search can be drawn: one that was cut short, one without ensembles, one in which a single candidate has a score.

    Args:
        facts: the outcome as `to_dict()` gives it, with `history` (`at_s`, `candidate` and `score` of each fit) for
            the chart over time and, where they are to be shown, `settings` by name.
        folder: where to; made if absent.

    Returns:
        The page.

    Raises:
        MissingDependencyError: the extra `reports` is not installed.
    """
    drawn = {name: chart for name, draw in _CHARTS.items() if (chart := draw(facts)) is not None}
    specifications = {name: _responsive(style.specification(*chart)) for name, chart in drawn.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / PAGE, render(facts, specifications).encode())
    return folder / PAGE


def _responsive(specification: dict[str, Any]) -> dict[str, Any]:
    """As wide as its place on the page, on a phone too."""
    return {**specification, "autosize": {"type": "fit-x", "contains": "padding"}}
