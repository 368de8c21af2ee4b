"""Stages of grids around the best so far. Which stage a trial belongs to follows from its number alone.

A place on a parameter's range is a fraction from 0 to 1 of its own scale, kept exact, so that two grids that meet in a
point agree that it is one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from pigeonhole.sweep.distributions import Distribution
from pigeonhole.sweep.samplers.base import as_key
from pigeonhole.sweep.trial import Goal, Trial, Values

# For a parameter with a range its place, for a choice the index of the value.
Point = Mapping[str, Fraction]
_HALVINGS = 3


@dataclass(frozen=True)
class Axis:
    """A parameter: a range with so many points a stage, or the values of a choice."""

    range: Distribution | None = None
    points: int = 1
    choices: Sequence[Any] = ()

    def value(self, place: Fraction) -> Any:
        """The parameter's value at that place."""
        return self.choices[int(place)] if self.range is None else self.range.value_at(float(place))

    def whole(self) -> list[Fraction]:
        """The places of the first stage, those with the same value once."""
        if self.range is None:
            return [Fraction(index) for index in range(len(self.choices))]
        return self.distinct(Fraction(index, self.points - 1) for index in range(self.points))

    def around(self, centre: Fraction, spacing: Fraction, reach: Fraction) -> list[Fraction]:
        """The places at multiples of `spacing` from `centre`, nearer than `reach`, clipped to the range; in order."""
        if self.range is None:
            return [centre]
        steps = math.ceil(reach / spacing) - 1
        return self.distinct(self._clipped(centre + k * spacing) for k in range(-steps, steps + 1))

    def finer(self, centre: Fraction, spacing: Fraction) -> list[Fraction]:
        """The places of a later stage: `points` of them, evenly around the centre, clipped to the range."""
        if self.range is None:
            return [centre]
        first = centre - spacing * (self.points - 1) / 2
        return self.distinct(self._clipped(first + k * spacing) for k in range(self.points))

    def spacing(self, stage: int) -> Fraction:
        """Between two points of that stage (from 0): a later grid just fits between the neighbours of its centre."""
        return Fraction(1, max(self.points - 1, 1)) * Fraction(2, self.points + 1) ** stage

    def distinct(self, places: Iterator[Fraction]) -> list[Fraction]:
        """One place for each value, the first."""
        by_value: dict[Any, Fraction] = {}
        for place in places:
            by_value.setdefault(self.value(place), place)
        return list(by_value.values())

    @staticmethod
    def _clipped(place: Fraction) -> Fraction:
        return min(max(place, Fraction(0)), Fraction(1))


@dataclass(frozen=True)
class StagedSampler:
    """Gives every stage a fixed number of trials, none of them tried before.

    Where a grid is clipped, or meets points that were tried, its free places go to points between its own, nearest to
    the centre first, and then to points around it.
    """

    axes: Mapping[str, Axis]
    stages: int
    goal: Goal
    _known: dict[tuple[int, ...], list[Point]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def ends(self) -> list[int]:
        """For each stage, the number of the first trial after it."""
        sizes = {name: len(axis.whole()) for name, axis in self.axes.items()}
        later = math.prod(size for name, size in sizes.items() if self.axes[name].range is not None)
        return [math.prod(sizes.values()) + stage * later for stage in range(self.stages)]

    def waits_for(self, number: int) -> int:
        """All trials of the stages before."""
        stage = self._stage_of(number)
        return self.ends[stage - 1] if 0 < stage < self.stages else 0

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values | None:
        """The point of its stage; `None` after the last, or where no trial ended well, or all values are tried."""
        stage = self._stage_of(number)
        if stage == self.stages:
            return None
        bests = [self._best(ended[:end]) for end in self.ends[:stage]]
        numbers = tuple(best for best in bests if best is not None)
        points = self._points(numbers) if len(numbers) == stage else []
        index = number - (self.ends[stage - 1] if stage else 0)
        return self._values(points[index]) if index < len(points) else None

    def _stage_of(self, number: int) -> int:
        return sum(number >= end for end in self.ends)

    def _best(self, ended: Sequence[Trial]) -> int | None:
        sign = 1 if self.goal == "maximize" else -1
        good = [trial for trial in ended if trial.state == "Completed" and trial.objectives]
        return max(good, key=lambda trial: sign * trial.objectives[0]).number if good else None  # type: ignore[index]

    def _points(self, bests: tuple[int, ...]) -> list[Point]:
        """The points of the stage after those whose best trials these are."""
        if bests not in self._known:
            self._known[bests] = self._fresh(bests) if bests else self._grid([a.whole() for a in self.axes.values()])
        return self._known[bests]

    def _fresh(self, bests: tuple[int, ...]) -> list[Point]:
        stage = len(bests)
        before = [point for n in range(stage) for point in self._points(bests[:n])]
        tried = {as_key(self._values(point)) for point in before}
        wanted = self.ends[stage] - self.ends[stage - 1]
        chosen: list[Point] = []
        for point in self._candidates(before[bests[-1]], stage):
            key = as_key(self._values(point))
            if key not in tried:
                tried.add(key)
                chosen.append(point)
            if len(chosen) == wanted:
                break
        return chosen

    def _candidates(self, centre: Point, stage: int) -> Iterator[Point]:
        """The stage's grid, then points between its own, then points further away."""
        spacings = {name: axis.spacing(stage) for name, axis in self.axes.items()}
        yield from self._grid([axis.finer(centre[name], spacings[name]) for name, axis in self.axes.items()])
        for halvings in range(1, _HALVINGS + 1):
            yield from self._near(centre, stage, Fraction(1, 2**halvings), 1)
        width = 2
        while any(axis.spacing(stage - 1) * width < 2 for axis in self.axes.values() if axis.range):
            yield from self._near(centre, stage, Fraction(1), width)
            width *= 2

    def _near(self, centre: Point, stage: int, fineness: Fraction, width: int) -> list[Point]:
        """All points of a grid around the centre, the nearest first."""
        places = [
            axis.around(centre[name], axis.spacing(stage) * fineness, axis.spacing(stage - 1) * width)
            for name, axis in self.axes.items()
        ]
        return sorted(self._grid(places), key=lambda point: self._distance(point, centre, stage))

    def _distance(self, point: Point, centre: Point, stage: int) -> Fraction:
        """In grid spacings, along the parameter where it is greatest."""
        steps = (abs(point[name] - centre[name]) / axis.spacing(stage) for name, axis in self.axes.items())
        return max(steps, default=Fraction(0))

    def _grid(self, places: Sequence[Sequence[Fraction]]) -> list[Point]:
        return [dict(zip(self.axes, row, strict=True)) for row in itertools.product(*places)]

    def _values(self, point: Point) -> Values:
        return {name: axis.value(point[name]) for name, axis in self.axes.items()}
