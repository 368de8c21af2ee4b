"""Slices: for each parameter a small chart of the value of every trial over what the parameter was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.axes import ParameterAxis, differing
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.history import trial_rows
from pigeonhole.reports.sweep.shown import STATES, MetricAxis, metric_axis, objective, short, text_of

_WIDTH, _HEIGHT = 250, 160
_COLUMNS = 3
_MOST = 24
_Row = dict[str, Any]


def slices_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[_Row]]] | None:
    """The charts in rows of three, and their points; `None` where nothing differs or no trial has a value."""
    axes = differing(figures)[:_MOST]
    rows = {row["trial"]: row for row in trial_rows(figures) if row["value"] is not None}
    data = {f"slice-{at}": _points(figures, axis, rows) for at, axis in enumerate(axes)}
    if not any(data.values()):
        return None
    alt = style.altair()
    metric = metric_axis(figures.metrics[0], [row["value"] for row in rows.values()], figures.goals[0])
    charts = [_slice(figures, axis, f"slice-{at}", metric, data) for at, axis in enumerate(axes)]
    chart = alt.concat(*charts, columns=_COLUMNS, spacing=18)
    return chart.properties(title=style.title(*_finding(figures, metric))), data


def _points(figures: SweepFigures, axis: ParameterAxis, rows: dict[int, _Row]) -> list[_Row]:
    points = []
    for trial in figures.trials:
        if trial.number in rows and axis.name in trial.values:
            value = trial.values[axis.name]
            shown = text_of(value)[:40] if axis.kind == "category" else float(value)
            points.append({**rows[trial.number], "parameter": shown, "text": text_of(value)[:80]})
    return points


def _slice(figures: SweepFigures, axis: ParameterAxis, name: str, metric: MetricAxis, data: dict[str, Any]) -> Any:
    alt = style.altair()
    there = [state for state in STATES if any(trial.state == state for trial in figures.trials)]
    colour = alt.Scale(domain=there, range=[STATES[state][0] for state in there])
    shape = alt.Scale(domain=there, range=[STATES[state][1] for state in there])
    scale = alt.Scale(domain=list(metric.domain), clamp=True, nice=False) if metric.domain else alt.Scale(zero=False)
    value = alt.Tooltip("value:Q", format=metric.form, title=figures.metrics[0])
    base = alt.Chart(alt.NamedData(name), width=_WIDTH, height=_HEIGHT).encode(
        x=_x(axis),
        y=alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(format=metric.ticks, tickCount=4)),
        tooltip=[alt.Tooltip("trial:Q", format="d"), "state:N", alt.Tooltip("text:N", title=short(axis.name)), value],
    )
    many = len(data[name]) > 100
    points = base.mark_point(filled=True, size=18 if many else 45, opacity=0.45 if many else 0.75).encode(
        color=alt.Color("state:N", scale=colour, legend=None), shape=alt.Shape("state:N", scale=shape, legend=None)
    )
    ring = base.transform_filter("datum.best").mark_point(
        filled=False, shape="circle", size=160, strokeWidth=2, color=style.GREEN, opacity=1
    )
    return alt.layer(ring, points)


def _x(axis: ParameterAxis) -> Any:
    alt = style.altair()
    title = short(axis.name)
    if axis.kind == "category":
        names = [name[:40] for name in axis.categories]
        upright = sum(len(name) + 2 for name in names) * 7 < _WIDTH
        labels = alt.Axis(labelLimit=90, labelAngle=0 if upright else -40, labelOverlap=len(names) > 15, domain=True)
        return alt.X("parameter:N", title=title, scale=alt.Scale(domain=names), axis=labels)
    ends = [axis.low, axis.high] if axis.low < axis.high else [axis.low - 1, axis.high + 1]
    scale = alt.Scale(type=axis.kind if axis.low < axis.high else "linear", domain=ends, nice=False, padding=8)
    return alt.X("parameter:Q", title=title, scale=scale, axis=alt.Axis(format=".4~g", tickCount=4, grid=False))


def _finding(figures: SweepFigures, metric: MetricAxis) -> tuple[str, ...]:
    best = "" if figures.best is None else f" Ringed in green: the best, trial {figures.best}."
    colours = f"{_colours(figures)}.{best}"
    return f"{short(figures.metrics[0])} over each parameter", colours, metric.note()


def _colours(figures: SweepFigures) -> str:
    words = {"Completed": "blue", "Terminated": "orange", "Failed": "black", "Running": "grey"}
    valued = [trial.state for trial in figures.trials if objective(figures, trial) is not None]
    there: Sequence[str] = [state for state in STATES if state in valued]
    return ", ".join(f"{words[state]}: {state}" for state in there).capitalize()
