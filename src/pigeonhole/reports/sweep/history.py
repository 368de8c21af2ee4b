"""The value of each trial in the order of their numbers, and the best so far."""

from __future__ import annotations

from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.shown import STATES, MetricAxis, best_of, metric_axis, objective, short

WIDTH, HEIGHT = 900, 260
_EDGE = 9  # pixels above the bottom, where trials without a value stand


def history_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """The chart and its rows; `None` where there are no trials."""
    if not figures.trials:
        return None
    alt = style.altair()
    rows = trial_rows(figures)
    valued = [row for row in rows if row["value"] is not None]
    axis = metric_axis(figures.metrics[0], [row["value"] for row in valued], figures.goals[0])
    layers = [*_valued(figures, axis)] if valued else []
    layers.append(_without_value(figures))
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=style.title(*_finding(figures, axis)))
    return chart, {
        "history": valued,
        "without": [row for row in rows if row["value"] is None],
        "steps": _steps(figures),
    }


def trial_rows(figures: SweepFigures) -> list[dict[str, Any]]:
    """A row a trial, with what its tooltip says."""
    return [
        {
            "trial": trial.number,
            "value": objective(figures, trial),
            "state": trial.state,
            "reason": (trial.reason or "")[:300],
            "best": trial.number == figures.best,
        }
        for trial in figures.trials
    ]


def state_legend(figures: SweepFigures) -> tuple[Any, Any]:
    """Colour and shape by state, of the states that there are."""
    alt = style.altair()
    there = [state for state in STATES if any(trial.state == state for trial in figures.trials)]
    legend = alt.Legend(title=None, orient="top", symbolSize=70, offset=4, symbolOpacity=1)
    colour = alt.Scale(domain=there, range=[STATES[state][0] for state in there])
    shape = alt.Scale(domain=there, range=[STATES[state][1] for state in there])
    return (
        alt.Color("state:N", scale=colour, legend=legend),
        alt.Shape("state:N", scale=shape, legend=legend),
    )


def tooltip(axis: MetricAxis, metric: str) -> list[Any]:
    """What is said of a trial under the pointer."""
    alt = style.altair()
    value = alt.Tooltip("value:Q", format=axis.form, title=metric)
    return [alt.Tooltip("trial:Q", format="d"), "state:N", value, "reason:N"]


def _trial_axis(figures: SweepFigures) -> Any:
    alt = style.altair()
    first, last = figures.trials[0].number, figures.trials[-1].number
    room = max(0.5, (last - first) * 0.015)
    few = {"values": list(range(first, last + 1))} if last - first < 20 else {"tickCount": 10, "tickMinStep": 1}
    return alt.X(
        "trial:Q",
        title="trial",
        scale=alt.Scale(domain=[first - room, last + room], nice=False),
        axis=alt.Axis(format="d", grid=False, **few),
    )


def _value_axis(figures: SweepFigures, axis: MetricAxis) -> Any:
    alt = style.altair()
    scale = alt.Scale(domain=list(axis.domain), clamp=True, nice=False) if axis.domain else alt.Scale(zero=False)
    return alt.Y("value:Q", title=short(figures.metrics[0]), scale=scale, axis=alt.Axis(format=axis.ticks, tickCount=6))


def _valued(figures: SweepFigures, axis: MetricAxis) -> list[Any]:
    alt = style.altair()
    x, y = _trial_axis(figures), _value_axis(figures, axis)
    colour, shape = state_legend(figures)
    size = 70 if len(figures.trials) <= 100 else 28
    picked = alt.selection_point(fields=["state"], bind="legend")
    line = (
        alt.Chart(alt.NamedData("steps"))
        .mark_line(interpolate="step-after", color=style.GREEN, strokeWidth=1.8)
        .encode(x=x, y=y)
    )
    points = (
        alt.Chart(alt.NamedData("history"))
        .mark_point(filled=True, size=size)
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=shape,
            opacity=alt.condition(picked, alt.value(0.85), alt.value(0.08)),
            tooltip=tooltip(axis, figures.metrics[0]),
        )
        .add_params(picked)
    )
    ring = (
        alt.Chart(alt.NamedData("history"))
        .transform_filter("datum.best")
        .mark_point(filled=False, shape="circle", size=230, strokeWidth=2, color=style.GREEN, opacity=1)
        .encode(x=x, y=y)
    )
    return [line, ring, points]


def _without_value(figures: SweepFigures) -> Any:
    """Trials without a value stand at the bottom, so that none of them is missing."""
    alt = style.altair()
    colour, shape = state_legend(figures)
    return (
        alt.Chart(alt.NamedData("without"))
        .mark_point(filled=True, size=60, opacity=0.8)
        .encode(
            x=_trial_axis(figures),
            y=alt.value(HEIGHT - _EDGE),
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip("trial:Q", format="d"), "state:N", "reason:N"],
        )
    )


def _steps(figures: SweepFigures) -> list[dict[str, Any]]:
    """The best so far at each trial that has a value, and at the last trial."""
    steps: list[dict[str, Any]] = []
    for trial in figures.trials:
        value = objective(figures, trial)
        if value is not None:
            best = best_of([value, steps[-1]["value"]], figures.goals[0]) if steps else value
            steps.append({"trial": trial.number, "value": best})
    if steps and steps[-1]["trial"] != figures.trials[-1].number:
        steps.append({"trial": figures.trials[-1].number, "value": steps[-1]["value"]})
    return steps


def _finding(figures: SweepFigures, axis: MetricAxis) -> tuple[str, ...]:
    steps = _steps(figures)
    if not steps:
        return "No trial has a value", ""
    last = steps[-1]["value"]
    reached = next(step["trial"] for step in steps if step["value"] == last)
    better = "highest" if figures.goals[0] == "maximize" else "lowest"
    return (
        f"The {better} {short(figures.metrics[0])} came with trial {reached} of {len(figures.trials)}",
        "Green: the best so far. A stopped trial stands at the best that it had reported.",
        axis.note(),
    )
