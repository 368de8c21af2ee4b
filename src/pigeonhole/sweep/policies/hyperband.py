"""Hyperband (Li et al., 2018) without a clock: successive halving in brackets that differ in how early they halve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from pigeonhole.sweep.policies.base import EarlyTermination, best, better
from pigeonhole.sweep.trial import Goal, Trial

_AT_ONCE = 1024


class Hyperband(EarlyTermination):
    """At its bracket's rungs, a trial goes on only among the best `1 / reduction_factor` that came to the rung.

    With η the reduction factor and s from 0 to `floor(log_η(max_resource / min_resource))`, bracket s has its rungs at
    the last s of the intervals `min_resource η^k` below the greatest one; bracket 0 has none, and its trials run to
    their end. A trial's bracket follows from its number, so that brackets get trials in Hyperband's proportions. At a
    rung it is compared, by its best so far, with the trials of its bracket of a lower number that came as far.

    Attributes:
        min_resource: the first interval at which any trial may be stopped.
        max_resource: the number of intervals of a trial that runs to its end.
        reduction_factor: η.
    """

    type: Literal["hyperband"] = "hyperband"
    min_resource: int = Field(1, ge=1, strict=True)
    max_resource: int = Field(ge=2, le=1_000_000, strict=True)
    reduction_factor: int = Field(3, ge=2, strict=True)

    @model_validator(mode="after")
    def _room_for_a_rung(self) -> Self:
        if self.min_resource * self.reduction_factor > self.max_resource:
            raise ValueError(
                f"min_resource {self.min_resource} times reduction_factor {self.reduction_factor} is more than"
                f" max_resource {self.max_resource}, so nothing would ever be stopped"
            )
        return self

    @property
    def steps(self) -> list[int]:
        """The intervals `min_resource η^k` up to `max_resource`; the last is no rung."""
        steps = [self.min_resource]
        while steps[-1] * self.reduction_factor <= self.max_resource:
            steps.append(steps[-1] * self.reduction_factor)
        return steps

    def bracket(self, number: int) -> int:
        """The bracket of that trial: the one furthest behind its due share; of equals the one that halves most."""
        shares = self._shares()
        place = number % sum(shares)
        return _brackets(shares, place // _AT_ONCE + 1)[place]

    def rungs(self, bracket: int) -> list[int]:
        """The intervals at which that bracket halves."""
        steps = self.steps
        return steps[len(steps) - 1 - bracket : len(steps) - 1]

    @override
    def applies(self, interval: int) -> bool:
        """At every interval that is a rung of some bracket."""
        return interval in self.steps[:-1]

    @override
    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        interval, bracket = len(own), self.bracket(number)
        if interval not in self.rungs(bracket):
            return None
        rivals = [
            best(trial.reports[:interval], goal)
            for trial in others
            if len(trial.reports) >= interval and self.bracket(trial.number) == bracket
        ]
        mine = best(own, goal)
        kept = max(1, (len(rivals) + 1) // self.reduction_factor)
        ahead = sum(better(value, mine, goal) for value in rivals)
        if ahead < kept:
            return None
        return (
            f"hyperband: at interval {interval} its best {mine:.4g} is number {ahead + 1} of {len(rivals) + 1} trials"
            f" of bracket {bracket}; the best {kept} go on"
        )

    def _shares(self) -> tuple[int, ...]:
        """How many trials Hyperband starts in each bracket: ceil((s_max + 1) / (s + 1) η^s)."""
        count = len(self.steps)
        return tuple(-(-count * self.reduction_factor**s // (s + 1)) for s in range(count))


@lru_cache(maxsize=16)
def _brackets(shares: tuple[int, ...], rounds: int) -> list[int]:
    """The brackets of the first `rounds * _AT_ONCE` trials."""
    total = sum(shares)
    owed = [0] * len(shares)
    chosen: list[int] = []
    for _ in range(min(rounds * _AT_ONCE, total)):
        owed = [have + share for have, share in zip(owed, shares, strict=True)]
        chosen.append(max((have, s) for s, have in enumerate(owed))[1])
        owed[chosen[-1]] -= total
    return chosen
