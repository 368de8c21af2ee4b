"""The report of a sweep: `sweep.html`, which stands alone, and each of its charts as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pigeonhole.core.files import write_bytes
from pigeonhole.reports import style
from pigeonhole.reports.sweep.curves import curves_chart
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.history import history_chart
from pigeonhole.reports.sweep.importance import importance_chart
from pigeonhole.reports.sweep.page import render
from pigeonhole.reports.sweep.parallel import parallel_chart
from pigeonhole.reports.sweep.pareto import pareto_chart
from pigeonhole.reports.sweep.slices import slices_chart

PAGE = "sweep.html"
_Drawn = tuple[Any, dict[str, list[dict[str, Any]]]] | None
# In the order of the page: what came of it, how, why, and what to try next.
_CHARTS: dict[str, Callable[[SweepFigures], _Drawn]] = {
    "pareto": pareto_chart,
    "history": history_chart,
    "curves": curves_chart,
    "parallel": parallel_chart,
    "importance": importance_chart,
    "slices": slices_chart,
}


def sweep_report(figures: SweepFigures, folder: Path, *, pictures: bool = True) -> list[Path]:
    """Writes `sweep.html`, and of each chart that can be drawn a picture (`history.png`, `curves.png`, …).

    Any sweep can be drawn: an interrupted one, one in which all trials failed, one with a thousand of them.

    Args:
        figures: the sweep.
        folder: where to; made if absent. Pictures of an earlier report that no longer apply are removed.
        pictures: whether to write the pictures too.

    Returns:
        The files, the page first.

    Raises:
        MissingDependencyError: the extra `reports` is not installed.
    """
    specifications: dict[str, dict[str, Any]] = {}
    files = [folder / PAGE]
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in _CHARTS.items():
        picture = folder / f"{name}.png"
        drawn = draw(figures)
        if drawn is None:
            picture.unlink(missing_ok=True)
            continue
        chart, rows = drawn
        specifications[name] = style.specification(chart, rows)
        if pictures:
            files += style.save(chart, picture, datasets=rows)
    write_bytes(folder / PAGE, render(figures, specifications).encode())
    return files
