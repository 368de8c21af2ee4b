"""How trials and their values are shown: numbers as text, colours by state, and axes that no outlier flattens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.figures import Goal, SweepFigures, TrialFigures

ABSENT = "–"
# In the order of the legend. The shape tells the same as the colour.
STATES = {
    "Completed": (style.BLUE, "circle"),
    "Terminated": (style.ORANGE, "cross"),
    "Failed": (style.INK, "triangle-down"),
    "Running": (style.GREY, "diamond"),
}
FAR = 3.0  # interquartile ranges beyond the quartile on the worse side, where a value is drawn at the axis' edge
_LEAST_FOR_QUARTILES = 5
_LONGEST_NAME = 36
# Beyond it the ends of an axis would have no end.
LARGEST = 1e300


@dataclass(frozen=True)
class MetricAxis:
    """How an objective is drawn.

    Attributes:
        form: the d3 format of a single value.
        ticks: the d3 format of the axis.
        domain: the ends of the axis; `None` leaves them to the chart.
        beyond: how many values lie beyond it, and are drawn at its edge.
    """

    form: str
    ticks: str
    domain: tuple[float, float] | None
    beyond: int

    def note(self) -> str:
        """What the reader is to know of it."""
        if not self.beyond:
            return ""
        return f"{self.beyond} value{'s' if self.beyond > 1 else ''} far worse than the rest, drawn at the edge."


def finite(value: Any) -> float | None:
    """The value if it is a number that an axis can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return float(value)


def objective(figures: SweepFigures, trial: TrialFigures, index: int = 0) -> float | None:
    """The value that a trial is drawn with: its objective, or the best that it had reported when it was stopped."""
    if trial.objectives is not None and index < len(trial.objectives):
        return finite(trial.objectives[index])
    if index or trial.state == "Failed":
        return None
    reported = [value for value in map(finite, trial.reports) if value is not None]
    return best_of(reported, figures.goals[0]) if reported else None


def best_of(values: Iterable[float], goal: Goal) -> float:
    """The best of one value or more."""
    return max(values) if goal == "maximize" else min(values)


def metric_axis(metric: str, values: Sequence[float], goal: Goal, far: float = FAR) -> MetricAxis:
    """How to draw a metric with these values; `far` is in interquartile ranges."""
    share = is_share(metric, values)
    form, ticks = (".2%", ".2~%") if share else (".5~g", ".4~g")
    low, high, beyond = _domain(values, goal, far)
    if low is None or high is None:
        return MetricAxis(form, ticks, None, 0)
    room = (high - low) * 0.06 or abs(high) * 0.02 or 0.5
    bottom, top = low - room, high + room
    if share:  # nobody expects an axis of accuracies to go beyond all of them
        bottom, top = max(bottom, 0.0 if low else -room), min(top, 1.0 if high < 1 else 1 + room / 3)
    return MetricAxis(form, ticks, (bottom, top), beyond)


def is_share(metric: str, values: Iterable[float]) -> bool:
    """Whether a metric is a share of all, which is shown in percent."""
    named = "accuracy" in metric.lower() or metric.lower().rpartition("_")[2] == "acc"
    return named and all(0 <= value <= 1 for value in values)


def figure(value: float | None, *, share: bool = False) -> str:
    """A value of a metric as text."""
    if value is None:
        return ABSENT
    return f"{value:.2%}" if share else f"{value:.5g}"


def text_of(value: Any) -> str:
    """A parameter's value as text."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str | int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def short(name: str) -> str:
    """A name that fits beside a chart."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def seconds_text(seconds: float) -> str:
    """A duration as text, in the largest fitting unit."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _domain(values: Sequence[float], goal: Goal, far: float) -> tuple[float | None, float | None, int]:
    if not values:
        return None, None, 0
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    if len(ordered) < _LEAST_FOR_QUARTILES:
        return low, high, 0
    quarter = len(ordered) // 4
    lower, upper = ordered[quarter], ordered[-1 - quarter]
    reach = far * max(upper - lower, abs(upper) * 1e-3)
    if goal == "maximize":
        low = next(value for value in ordered if value >= lower - reach)
    else:
        high = next(value for value in reversed(ordered) if value <= upper + reach)
    return low, high, sum(not low <= value <= high for value in ordered)
