"""What axis a parameter gets from the values it had: linear, logarithmic, or a place for each category."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.reports.sweep.figures import Kind, ParameterFigures, SweepFigures
from pigeonhole.reports.sweep.shown import finite, text_of

_TICKS = 5


@dataclass(frozen=True)
class ParameterAxis:
    """The axis of one parameter.

    Attributes:
        name: the parameter's.
        kind: how values are spread over it.
        categories: in order, as text; empty unless it is an axis of categories.
        low: the least value, where it is an axis of numbers.
        high: the greatest.
        partial: whether some trials do not have the parameter.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    partial: bool = False

    def place(self, value: Any) -> float:
        """Where on the axis a value is, from 0 to 1."""
        if self.kind == "category":
            return _share(self.categories.index(text_of(value)), 0, len(self.categories) - 1)
        if self.kind == "log":
            return _share(math.log(float(value)), math.log(self.low), math.log(self.high))
        return _share(float(value), self.low, self.high)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and texts to write along the axis."""
        if self.kind == "category":
            every = math.ceil(len(self.categories) / 12)
            return [(self.place(name), name) for name in self.categories[::every]]
        steps = [step / (_TICKS - 1) for step in range(_TICKS)]
        return [(step, f"{self._at(step):.3g}") for step in steps]

    def _at(self, share: float) -> float:
        if self.kind == "log":
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)


def differing(figures: SweepFigures) -> list[ParameterAxis]:
    """The axes of the parameters that are not the same in all trials, in the order of the spec."""
    axes = []
    for parameter in figures.parameters:
        values = [trial.values[parameter.name] for trial in figures.trials if parameter.name in trial.values]
        partial = len(values) < len(figures.trials)
        if len(set(map(_identity, values))) > 1 or (values and partial):
            axes.append(_axis(parameter, values, partial))
    return axes


def _axis(parameter: ParameterFigures, values: Sequence[Any], partial: bool) -> ParameterAxis:
    numbers = [float(value) for value in values if _number(value)]
    if len(numbers) < len(values) or parameter.kind == "category":
        return ParameterAxis(parameter.name, "category", _categories(values), partial=partial)
    kind: Kind = "log" if parameter.kind == "log" and min(numbers) > 0 else "linear"
    return ParameterAxis(parameter.name, kind, (), min(numbers), max(numbers), partial)


def _categories(values: Sequence[Any]) -> tuple[str, ...]:
    # Numbers in their order, before everything else by name.
    ordered = sorted(values, key=lambda value: (0, float(value), "") if _number(value) else (1, 0.0, text_of(value)))
    return tuple(dict.fromkeys(map(text_of, ordered)))


def _identity(value: Any) -> Any:
    return float(value) if _number(value) else text_of(value)


def _number(value: Any) -> bool:
    return finite(value) is not None


def _share(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)
