"""The primary metric of each trial by interval; where a trial was stopped, a mark that tells why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.figures import SweepFigures, TrialFigures
from pigeonhole.reports.sweep.history import HEIGHT, WIDTH
from pigeonhole.reports.sweep.shown import FAR, STATES, MetricAxis, finite, metric_axis, seconds_text, short

_MOST_POINTS = 20_000
_NAMED_INTERVALS = 15


def curves_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """The chart and its rows; `None` where no trial reported twice."""
    if all(len(trial.reports) < 2 for trial in figures.trials):
        return None
    rows = list(_rows(figures))
    alt = style.altair()
    values = [row["value"] for row in rows if row["value"] is not None]
    axis = metric_axis(
        figures.metrics[0], values, figures.goals[0], far=2 * FAR
    )  # curves begin far from where they end
    best = [row for row in rows if row["trial"] == figures.best]
    ends = list(_ends(figures))
    chart = alt.layer(*_layers(figures, axis, rows)).properties(
        width=WIDTH, height=HEIGHT + 40, title=style.title(*_finding(figures, axis))
    )
    return chart, {"curves": rows, "best-curve": best, "ends": ends}


def _rows(figures: SweepFigures) -> Iterator[dict[str, Any]]:
    every = math.ceil(sum(len(trial.reports) for trial in figures.trials) / _MOST_POINTS) or 1
    for trial in figures.trials:
        last = len(trial.reports)
        for interval, value in enumerate(trial.reports, start=1):
            if interval % every == 0 or interval in (1, last):
                yield {"trial": trial.number, "state": trial.state, "interval": interval, "value": finite(value)}


def _ends(figures: SweepFigures) -> Iterator[dict[str, Any]]:
    for trial in figures.trials:
        value = _last(trial)
        if trial.state in ("Terminated", "Failed") and value is not None:
            reason = (trial.reason or "")[:300]
            place = {"trial": trial.number, "interval": len(trial.reports), "value": value}
            yield {**place, "state": trial.state, "reason": reason}


def _last(trial: TrialFigures) -> float | None:
    reported = [value for value in map(finite, trial.reports) if value is not None]
    return reported[-1] if reported else None


def _layers(figures: SweepFigures, axis: MetricAxis, rows: list[dict[str, Any]]) -> list[Any]:
    alt = style.altair()
    last = max(row["interval"] for row in rows)
    named = {"values": list(range(1, last + 1))} if last <= _NAMED_INTERVALS else {"tickCount": 12, "tickMinStep": 1}
    x = alt.X(
        "interval:Q",
        title=f"interval (one logged {short(figures.metrics[0])})",
        scale=alt.Scale(domain=[1, last], nice=False, padding=8),
        axis=alt.Axis(format="d", grid=False, **named),
    )
    scale = alt.Scale(domain=list(axis.domain), clamp=True, nice=False) if axis.domain else alt.Scale(zero=False)
    y = alt.Y("value:Q", title=short(figures.metrics[0]), scale=scale, axis=alt.Axis(format=axis.ticks, tickCount=6))
    return [*_lines(figures, axis, x, y, last), _marks(figures, axis, x, y)]


def _state_colour(figures: SweepFigures) -> Any:
    alt = style.altair()
    there = [state for state in STATES if any(trial.state == state for trial in figures.trials)]
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=2.5, offset=4)
    scale = alt.Scale(domain=there, range=[STATES[state][0] for state in there])
    return alt.Color("state:N", scale=scale, legend=legend)


def _lines(figures: SweepFigures, axis: MetricAxis, x: Any, y: Any, last: int) -> list[Any]:
    alt = style.altair()
    number = len(figures.trials)
    picked = alt.selection_point(fields=["state"], bind="legend")
    near = alt.selection_point(fields=["trial"], on="pointerover", clear="pointerout", empty=False)
    value = alt.Tooltip("value:Q", format=axis.form, title=figures.metrics[0])
    opacity = max(0.12, min(0.6, 12 / number))
    lines = (
        alt.Chart(alt.NamedData("curves"))
        .mark_line(point={"size": 22} if last <= _NAMED_INTERVALS and number <= 60 else False)
        .encode(
            x=x,
            y=y,
            detail="trial:N",
            color=_state_colour(figures),
            strokeOpacity=alt.condition(picked, alt.value(opacity), alt.value(0.03)),
            strokeWidth=alt.condition(near, alt.value(3.5), alt.value(1.4)),
            tooltip=[alt.Tooltip("trial:Q", format="d"), "state:N", alt.Tooltip("interval:Q", format="d"), value],
        )
        .add_params(picked, near)
    )
    best = alt.Chart(alt.NamedData("best-curve")).mark_line(strokeWidth=3, color=style.GREEN).encode(x=x, y=y)
    return [lines, best]


def _marks(figures: SweepFigures, axis: MetricAxis, x: Any, y: Any) -> Any:
    alt = style.altair()
    shape = alt.Scale(domain=["Terminated", "Failed"], range=[STATES["Terminated"][1], STATES["Failed"][1]])
    value = alt.Tooltip("value:Q", format=axis.form, title=figures.metrics[0])
    return (
        alt.Chart(alt.NamedData("ends"))
        .mark_point(filled=True, size=90 if len(figures.trials) <= 100 else 40, opacity=0.9)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("state:N", scale=shape, legend=None),
            color=_state_colour(figures),
            tooltip=[alt.Tooltip("trial:Q", format="d"), alt.Tooltip("interval:Q", format="d"), value, "reason:N"],
        )
    )


def _finding(figures: SweepFigures, axis: MetricAxis) -> tuple[str, ...]:
    stopped = [trial for trial in figures.trials if trial.state == "Terminated"]
    if not stopped:
        return f"{short(figures.metrics[0])} by interval", _best(figures), axis.note()
    number = len(figures.trials)
    saved = f", which saved about {seconds_text(figures.seconds_saved)}" if figures.seconds_saved else ""
    example = max(stopped, key=lambda trial: len(trial.reports))
    why = f"Trial {example.number}, for one: {example.reason[:140]}" if example.reason else ""
    return (
        f"{len(stopped)} of {number} trials {'was' if len(stopped) == 1 else 'were'} stopped early{saved}",
        f"{_best(figures)} A cross: stopped; point at it to read why.".strip(),
        why,
        axis.note(),
    )


def _best(figures: SweepFigures) -> str:
    return "" if figures.best is None else f"Green: the best, trial {figures.best}."
