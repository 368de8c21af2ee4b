"""What every termination policy shares: when it applies, and what better and best mean. Stops nothing itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from pydantic import Field

from pigeonhole.core.spec import Spec
from pigeonhole.sweep.trial import Goal, Trial


class EarlyTermination(Spec, ABC):
    """A policy as the spec says it; it is the policy itself (`sweep.trial.TerminationPolicy`).

    An interval is one logged value of the primary metric. "All trials" are those of a lower number, and the one judged:
    so a decision is the same whenever it is made.

    Attributes:
        type: its key.
    """

    type: str

    @abstractmethod
    def applies(self, interval: int) -> bool:
        """Whether it decides at this interval (from 1)."""

    @abstractmethod
    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        """Why trial `number` is to stop at interval `len(own)`; `None` lets it go on."""


class AtIntervals(EarlyTermination):
    """A policy that decides every so many intervals, and not before a first one.

    Attributes:
        evaluation_interval: decides at multiples of it.
        delay_evaluation: decides at this interval at the earliest.
    """

    evaluation_interval: int = Field(1, ge=1, strict=True)
    delay_evaluation: int = Field(0, ge=0, strict=True)

    def applies(self, interval: int) -> bool:
        """At multiples of `evaluation_interval` from `delay_evaluation` on."""
        return interval % self.evaluation_interval == 0 and interval >= self.delay_evaluation


def better(value: float, other: float, goal: Goal) -> bool:
    """Whether `value` is strictly better than `other`; what is no number is worse than all."""
    if math.isnan(value) or math.isnan(other):
        return math.isnan(other) and not math.isnan(value)
    return value > other if goal == "maximize" else value < other


def best(values: Sequence[float], goal: Goal) -> float:
    """The best of one or more; NaN where none is a number."""
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        return math.nan
    return max(numbers) if goal == "maximize" else min(numbers)


def clearly_worse(value: float, bound: float, goal: Goal, scale: float) -> bool:
    """Whether `value` is worse than `bound` by more than the rounding of numbers of the size of `scale`."""
    nearly = 1e-12 * abs(scale) if math.isfinite(scale) else 0.0
    return better(bound, value, goal) and not math.isclose(value, bound, rel_tol=1e-12, abs_tol=nearly)


def reported(others: Sequence[Trial]) -> list[Trial]:
    """Those that have reported a number at all."""
    return [trial for trial in others if any(not math.isnan(value) for value in trial.reports)]
