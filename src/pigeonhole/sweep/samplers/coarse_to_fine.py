"""Coarse to fine: a grid over the whole range, then finer ones around the best so far, as people do it by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field
from typing_extensions import override

from pigeonhole.core.closest import suggestion
from pigeonhole.sweep.distributions import Choice, LogUniform, QLogUniform, QUniform, RandInt, Uniform
from pigeonhole.sweep.samplers.base import Problem, SamplingAlgorithm, Setting, refused
from pigeonhole.sweep.samplers.stages import Axis, StagedSampler
from pigeonhole.sweep.trial import Sampler

# One point spans no range, and no sweep has more than a thousand trials.
FEWEST, MOST = 2, 1000
_RANGES = (Uniform, QUniform, LogUniform, QLogUniform, RandInt)


class CoarseToFine(SamplingAlgorithm):
    """`coarse-to-fine`: stage after stage of grid search, each centred on the best of all before.

    Attributes:
        stages: how many grids, one after the other.
        points: how many values of each parameter that has a range, in each stage; or by parameter. A parameter is
            gridded on its own scale: `loguniform` and `qloguniform` on a logarithmic one. A choice is tried whole in
            the first stage, and keeps its best value in the others.
    """

    type: Literal["coarse-to-fine"] = "coarse-to-fine"
    stages: int = Field(3, ge=1, le=10, strict=True)
    points: int | dict[str, int] = 5

    @override
    def problems(self, setting: Setting) -> Iterable[Problem]:
        wrong = [
            *refused(setting, [Choice, *_RANGES], "it has no range to put a grid on"),
            *self._wrong_choices(setting),
        ]
        wrong += self._wrong_points(setting)
        if len(setting.goals) > 1:
            wrong.append((("sampling_algorithm",), "coarse-to-fine needs one objective: several have no single best"))
        if self.stages > 1 and not any(isinstance(d, _RANGES) for d in setting.space.parameters.values()):
            wrong.append(
                (("sampling_algorithm",), "coarse-to-fine: no parameter has a range to look at closer; take grid")
            )
        yield from wrong
        total = 0 if wrong else self._stages(setting).ends[-1]
        if total > setting.total:
            told = f"coarse-to-fine: {self.stages} stages take {total:,} trials, and limits.max_total_trials is"
            yield (
                ("sampling_algorithm",),
                f"{told} {setting.total:,}; take fewer points or stages, or allow more trials",
            )

    @override
    def sampler(self, setting: Setting) -> Sampler:
        return self._stages(setting)

    def _wrong_choices(self, setting: Setting) -> Iterable[Problem]:
        for name, distribution in setting.space.parameters.items():
            if isinstance(distribution, Choice) and distribution.every_value() is None:
                yield ("search_space", name), "a mapping that holds more than choices has no grid; name what is nested"

    def _wrong_points(self, setting: Setting) -> Iterable[Problem]:
        place = ("sampling_algorithm", "points")
        ranged = [name for name, d in setting.space.parameters.items() if isinstance(d, _RANGES)]
        counts = dict.fromkeys(ranged, self.points) if isinstance(self.points, int) else self.points
        for name, count in counts.items():
            if name not in ranged:
                told = f"{name} is no parameter with a range{suggestion(name, ranged)}"
                yield place, f"{told}; those are {', '.join(ranged) or 'none'}"
            if not FEWEST <= count <= MOST:
                yield place, f"{count} points for {name}; {FEWEST} to {MOST} are accepted"
        missing = [name for name in ranged if name not in counts]
        if missing:
            yield place, f"no number of points for {', '.join(missing)}"

    def _stages(self, setting: Setting) -> StagedSampler:
        axes = {name: self._axis(name, distribution) for name, distribution in setting.space.parameters.items()}
        return StagedSampler(axes, self.stages, setting.goals[0] if setting.goals else "maximize")

    def _axis(self, name: str, distribution: object) -> Axis:
        if isinstance(distribution, Choice):
            return Axis(choices=tuple(distribution.every_value() or ()))
        assert isinstance(distribution, _RANGES)  # noqa: S101 - `problems` refuses the others
        return Axis(distribution, self.points if isinstance(self.points, int) else self.points[name])
