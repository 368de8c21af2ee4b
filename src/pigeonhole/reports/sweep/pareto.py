"""Several objectives against each other, with the trials that no other trial beats in all of them."""

from __future__ import annotations

import itertools
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.shown import is_share, objective, short

_NAMED = 12
_MOST_PAIRS = 6
_LARGE = 10_000


def pareto_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """A chart for each pair of objectives, and the rows; `None` for one objective or without a trial that has all."""
    rows = _rows(figures)
    if len(figures.metrics) < 2 or not rows:
        return None
    alt = style.altair()
    pairs = list(itertools.combinations(range(len(figures.metrics)), 2))[:_MOST_PAIRS]
    wide = len(pairs) == 1
    charts = [_pair(figures, rows, one, other, wide=wide) for one, other in pairs]
    chart = alt.concat(*charts, columns=2, spacing=26) if len(charts) > 1 else charts[0]
    return chart.properties(title=style.title(*_finding(figures, len(rows)))), {"objectives": rows}


def _rows(figures: SweepFigures) -> list[dict[str, Any]]:
    rows = []
    for trial in figures.trials:
        values = [objective(figures, trial, index) for index in range(len(figures.metrics))]
        if trial.objectives is not None and None not in values:
            named = {f"objective{index}": value for index, value in enumerate(values)}
            rows.append({"trial": trial.number, "front": trial.number in figures.pareto, "state": trial.state, **named})
    return rows


def _pair(figures: SweepFigures, rows: list[dict[str, Any]], one: int, other: int, *, wide: bool) -> Any:
    alt = style.altair()
    size = {"width": 640, "height": 320} if wide else {"width": 330, "height": 240}
    base = alt.Chart(alt.NamedData("objectives"), **size).encode(
        x=_axis(figures, rows, one, alt.X),
        y=_axis(figures, rows, other, alt.Y),
        tooltip=[alt.Tooltip("trial:Q", format="d"), *_tooltips(figures, rows)],
    )
    rest = base.transform_filter("!datum.front").mark_point(filled=True, color="#B5B5B5", size=40, opacity=0.8)
    front = base.transform_filter("datum.front")
    points = front.mark_point(filled=True, color=style.BLUE, size=80, opacity=1)
    # Only of two objectives is the front a line; of more, its projection is not.
    line = [
        front.mark_line(color=style.BLUE, strokeWidth=1.5).encode(order=f"objective{one}:Q", tooltip=alt.value(None))
    ]
    names = [front.mark_text(dy=-11, fontSize=11, color=style.INK).encode(text=alt.Text("trial:Q", format="d"))]
    shown = names if len(figures.pareto) <= _NAMED else []
    return alt.layer(*(line if wide else []), rest, points, *shown)


def _axis(figures: SweepFigures, rows: list[dict[str, Any]], index: int, channel: Any) -> Any:
    alt = style.altair()
    better = "→ better" if figures.goals[index] == "maximize" else "← better"
    if channel is alt.Y:
        better = "↑ better" if figures.goals[index] == "maximize" else "↓ better"
    large = max(abs(row[f"objective{index}"]) for row in rows) >= _LARGE
    form = ".2~%" if _share(figures, rows, index) else ".3~s" if large else ".3~g"
    return channel(
        f"objective{index}:Q",
        title=f"{short(figures.metrics[index])}   {better}",
        scale=alt.Scale(zero=False, nice=True, padding=6),
        axis=alt.Axis(format=form, tickCount=6),
    )


def _tooltips(figures: SweepFigures, rows: list[dict[str, Any]]) -> list[Any]:
    alt = style.altair()
    return [
        alt.Tooltip(f"objective{index}:Q", title=name, format=".2%" if _share(figures, rows, index) else ".5~g")
        for index, name in enumerate(figures.metrics)
    ]


def _share(figures: SweepFigures, rows: list[dict[str, Any]], index: int) -> bool:
    return is_share(figures.metrics[index], [row[f"objective{index}"] for row in rows])


def _finding(figures: SweepFigures, with_all: int) -> tuple[str, ...]:
    number = len(figures.pareto)
    return (
        f"{number} of {with_all} trials {'is' if number == 1 else 'are'} not beaten in everything by another",
        "Blue, with the trial's number: the Pareto front. Grey: another trial is at least as good in all objectives.",
    )
