"""Grid search: every combination once, the last parameter changing fastest. Looks at no trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import override

from pigeonhole.sweep.distributions import Choice, Distribution
from pigeonhole.sweep.samplers.base import Problem, SamplingAlgorithm, Setting, refused
from pigeonhole.sweep.trial import Sampler, Trial, Values


class Grid(SamplingAlgorithm):
    """`grid`, over choices; row by row in the order of declaration."""

    type: Literal["grid"] = "grid"

    @override
    def problems(self, setting: Setting) -> Iterable[Problem]:
        yield from refused(setting, [Choice], "a grid would have no end")
        for name, distribution in setting.space.parameters.items():
            if isinstance(distribution, Choice) and distribution.every_value() is None:
                yield ("search_space", name), "a grid has no end where a mapping holds more than choices"

    @override
    def notes(self, setting: Setting) -> Iterable[str]:
        size = math.prod(len(axis) for axis in axes(setting).values())
        if size > setting.total:
            yield f"the grid has {size:,} combinations; limits.max_total_trials stops after {setting.total:,} of them"

    @override
    def sampler(self, setting: Setting) -> Sampler:
        return GridSampler(axes(setting))


@dataclass(frozen=True)
class GridSampler:
    """Counts through the combinations."""

    axes: dict[str, list[Any]]

    def waits_for(self, number: int) -> int:
        """None."""
        del number
        return 0

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values | None:
        """The combination of that number; `None` after the last."""
        del ended
        if number >= math.prod(map(len, self.axes.values())):
            return None
        values: dict[str, Any] = {}
        for name, axis in reversed(self.axes.items()):
            number, index = divmod(number, len(axis))
            values[name] = axis[index]
        return {name: values[name] for name in self.axes}


def axes(setting: Setting) -> dict[str, list[Any]]:
    """All values of each parameter."""
    return {name: _all_values(distribution) for name, distribution in setting.space.parameters.items()}


def _all_values(distribution: Distribution) -> list[Any]:
    assert isinstance(distribution, Choice)  # noqa: S101 - `problems` refuses the others
    return list(distribution.every_value() or ())
