"""Parallel coordinates: a line a trial through the values of its parameters, coloured by what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.axes import ParameterAxis, differing
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.history import WIDTH
from pigeonhole.reports.sweep.shown import MetricAxis, figure, is_share, metric_axis, objective, text_of

_HEIGHT = 300
_MOST_AXES = 12
_ABSENT_AT = -0.12  # below the axis: where the line of a trial goes that does not have the parameter
_TOP = 1.08
_BAD_TO_GOOD = ["#D6E4EE", "#7FB3D5", "#2C7FB8", "#08306B"]
_Row = dict[str, Any]


def parallel_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[_Row]]] | None:
    """The chart and its rows; `None` where no parameter differs or no trial has a value."""
    axes = differing(figures)
    left_out = len(axes) - _MOST_AXES
    axes = _most_important(figures, axes)
    values = [value for trial in figures.trials if (value := objective(figures, trial)) is not None]
    if not axes or not values:
        return None
    alt = style.altair()
    axis = metric_axis(figures.metrics[0], values, figures.goals[0])
    rows = list(_rows(figures, axes, axis))
    data = {
        "lines": [row for row in rows if row["value"] is not None],
        "grey": [row for row in rows if row["value"] is None],
        "best-line": [row for row in rows if row["trial"] == figures.best],
        "axes": [_upright(at, name) for at, name in enumerate([*(one.name for one in axes), figures.metrics[0]])],
        "ticks": [*_ticks(axes), *_metric_ticks(figures, axes, axis)],
    }
    lowest = _ABSENT_AT if any(one.partial for one in axes) else 0.0
    layers = _layers(figures, len(axes) + 1, axis, lowest)
    chart = alt.layer(*layers).properties(
        width=WIDTH + 40, height=_HEIGHT, title=style.title(*_finding(figures, axes, left_out))
    )
    return chart, data


def _most_important(figures: SweepFigures, axes: Sequence[ParameterAxis]) -> list[ParameterAxis]:
    """As many axes as can be read; of too many the most important ones, in the order of the spec."""
    shares = figures.importance or {}
    ranked = sorted(axes, key=lambda axis: -shares.get(axis.name, 0.0))[:_MOST_AXES]
    return [axis for axis in axes if axis in ranked]


def _rows(figures: SweepFigures, axes: Sequence[ParameterAxis], metric: MetricAxis) -> Iterator[_Row]:
    for trial in figures.trials:
        value = objective(figures, trial)
        common = {"trial": trial.number, "value": value, "state": trial.state}
        for at, axis in enumerate(axes):
            there = axis.name in trial.values
            place = axis.place(trial.values[axis.name]) if there else _ABSENT_AT
            text = text_of(trial.values[axis.name]) if there else "not used"
            yield {**common, "axis": at, "place": place, "parameter": axis.name, "text": text[:80]}
        if value is not None:
            place = _metric_place(metric, value)
            yield {**common, "axis": len(axes), "place": place, "parameter": figures.metrics[0], "text": ""}


def _metric_place(axis: MetricAxis, value: float) -> float:
    low, high = axis.domain or (value - 1, value + 1)
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _upright(at: int, name: str) -> _Row:
    return {"axis": at, "name": name, "low": 0, "high": 1, "top": _TOP}


def _ticks(axes: Sequence[ParameterAxis]) -> Iterator[_Row]:
    for at, axis in enumerate(axes):
        for place, text in axis.ticks():
            yield {"axis": at, "place": place, "text": text[:40]}
        if axis.partial:
            yield {"axis": at, "place": _ABSENT_AT, "text": "not used"}


def _metric_ticks(figures: SweepFigures, axes: Sequence[ParameterAxis], axis: MetricAxis) -> Iterator[_Row]:
    low, high = axis.domain or (0.0, 1.0)
    for step in range(5):
        value = low + step / 4 * (high - low)
        text = figure(value, share=is_share(figures.metrics[0], [value]) and axis.form.endswith("%"))
        yield {"axis": len(axes), "place": step / 4, "text": text}


def _layers(figures: SweepFigures, n_axes: int, metric: MetricAxis, lowest: float) -> list[Any]:
    alt = style.altair()
    # The room at the right is for the ticks of the last axis, that at the top for the names.
    x = alt.X("axis:Q", axis=None, scale=alt.Scale(domain=[0, n_axes - 1], nice=False, padding=50))
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[lowest, _TOP], nice=False, padding=8))
    hidden = {"axis": None}
    ends = {"y": alt.Y("low:Q", **hidden), "y2": "high:Q"}
    rules = alt.Chart(alt.NamedData("axes")).mark_rule(color="#AAAAAA", strokeWidth=1).encode(x=x, **ends)
    names = (
        alt.Chart(alt.NamedData("axes"))
        .mark_text(fontSize=12, fontWeight="bold", color=style.INK, limit=max(60, 760 // n_axes))
        .encode(x=x, y=alt.Y("top:Q", **hidden), text="name:N", tooltip="name:N")
    )
    # A white edge keeps the figures readable where lines run behind them.
    at = {"fontSize": 11, "align": "left", "dx": 5, "limit": max(50, 660 // n_axes)}
    ticks = alt.Chart(alt.NamedData("ticks")).encode(x=x, y=y, text="text:N")
    halo = ticks.mark_text(stroke="white", strokeWidth=4, strokeOpacity=0.85, **at)
    return [*_lines(figures, x, y, metric), rules, names, halo, ticks.mark_text(color=style.INK, **at)]


def _lines(figures: SweepFigures, x: Any, y: Any, metric: MetricAxis) -> list[Any]:
    alt = style.altair()
    good = figures.goals[0] == "maximize"
    domain = list(metric.domain) if metric.domain else None
    shades = alt.Scale(range=_BAD_TO_GOOD if good else _BAD_TO_GOOD[::-1], clamp=True)
    if domain:
        shades = alt.Scale(domain=domain, range=_BAD_TO_GOOD if good else _BAD_TO_GOOD[::-1], clamp=True)
    near = alt.selection_point(fields=["trial"], on="pointerover", clear="pointerout", empty=False)
    told = [alt.Tooltip("trial:Q", format="d"), "state:N", "parameter:N", "text:N"]
    value = alt.Tooltip("value:Q", format=metric.form, title=figures.metrics[0])
    # Of strokes, not of whole marks: a renderer makes a layer of the whole picture for each mark that is see-through.
    opacity = max(0.15, min(0.85, 40 / len(figures.trials)))
    common = {"x": x, "y": y, "detail": "trial:N"}
    grey = (
        alt.Chart(alt.NamedData("grey"))
        .mark_line(color=style.GREY, strokeDash=[3, 3], strokeWidth=1, strokeOpacity=min(0.5, opacity))
        .encode(**common, order="axis:Q", tooltip=told)
    )
    lines = (
        alt.Chart(alt.NamedData("lines"))
        .mark_line()
        .encode(
            **common,
            order="axis:Q",
            color=alt.Color("value:Q", scale=shades, legend=None),
            strokeWidth=alt.condition(near, alt.value(4), alt.value(1.6)),
            strokeOpacity=alt.condition(near, alt.value(1), alt.value(opacity)),
            tooltip=[*told, value],
        )
        .add_params(near)
    )
    best = (
        alt.Chart(alt.NamedData("best-line"))
        .mark_line(color=style.GREEN, strokeWidth=3)
        .encode(**common, order="axis:Q", tooltip=[*told, value])
    )
    return [grey, lines, best]


def _finding(figures: SweepFigures, axes: Sequence[ParameterAxis], left_out: int) -> tuple[str, ...]:
    same = len(figures.parameters) - len(axes) - max(0, left_out)
    best = "" if figures.best is None else f" Green: the best, trial {figures.best}."
    lacking = any(objective(figures, trial) is None for trial in figures.trials)
    return (
        f"What {'each trial' if len(figures.trials) > 1 else 'the trial'} tried, and what came of it",
        f"Darker is better.{best}{' Dashed grey: no value.' if lacking else ''}",
        f"{same} parameter{'s' if same > 1 else ''} that had one value throughout left out." if same else "",
        f"{left_out} less important parameters left out." if left_out > 0 else "",
    )
