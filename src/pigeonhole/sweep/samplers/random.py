"""Random search: independent draws, or Sobol's points for `rule: sobol`. Looks at no trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from pigeonhole.core.seeds import derive
from pigeonhole.sweep.samplers.base import SamplingAlgorithm, Setting
from pigeonhole.sweep.samplers.sobol import SobolSampler
from pigeonhole.sweep.space import SearchSpace
from pigeonhole.sweep.trial import Sampler, Trial, Values


class Random(SamplingAlgorithm):
    """`random`, over all distributions.

    Attributes:
        rule: `random` for independent draws, `sobol` for points that fill the space evenly.
        logbase: Azure ML's SDK knows others; bounds of log-uniform distributions are exponents of e here.
    """

    type: Literal["random"] = "random"
    rule: Literal["random", "sobol"] = "random"
    logbase: Literal["e"] | None = None

    @override
    def sampler(self, setting: Setting) -> Sampler:
        if self.rule == "sobol":
            return SobolSampler(setting.space, self.seed)
        return RandomSampler(setting.space, self.seed)


@dataclass(frozen=True)
class RandomSampler:
    """Draws each parameter on its own: one more parameter leaves the values of the others as they were."""

    space: SearchSpace
    seed: int

    def waits_for(self, number: int) -> int:
        """None."""
        del number
        return 0

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values:
        """The values that follow from the seed and the number."""
        del ended
        return self.space.draw(
            [
                uniform(self.seed, number, name, dimension)
                for name, distribution in self.space.parameters.items()
                for dimension in range(distribution.dimensions)
            ]
        )


def uniform(seed: int, number: int, name: str, dimension: int) -> float:
    """A number in [0, 1), independent for each trial, parameter and dimension."""
    return (derive(seed, "sweep", "random", number, name, dimension) >> 10) * 2.0**-53
