"""What the loop needs to know of a sweep: who chooses, who stops, how much and how long. Reads no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pigeonhole.compute.job import Job
from pigeonhole.sweep.study import Storable
from pigeonhole.sweep.trial import Goal, Sampler, TerminationPolicy, Values

# The job of a trial: what it says is in `talking`. The loop sets its deadline.
JobOfTrial = Callable[[int, Values], Job]


@dataclass(frozen=True)
class Objective:
    """A metric that trials log, and which way is better."""

    metric: str
    goal: Goal

    def better(self, value: float, other: float) -> bool:
        """Whether `value` is better than `other`."""
        return value > other if self.goal == "maximize" else value < other

    def best(self, values: Sequence[float]) -> float:
        """The best of one or more; NaN where none is a number."""
        numbers = [value for value in values if not math.isnan(value)]
        if not numbers:
            return math.nan
        return max(numbers) if self.goal == "maximize" else min(numbers)


@dataclass(frozen=True)
class Plan:
    """A sweep, ready to run.

    Attributes:
        objectives: the first is the primary metric, by which the policy judges.
        sampler: chooses the values.
        storable: a trial's values in Optuna's terms.
        policy: stops trials; `None` lets every one go to its end.
        max_total_trials: at most so many.
        max_concurrent_trials: at most so many at once.
        timeout_s: seconds for the whole sweep, kills and pauses not counted; `None` for no limit.
        trial_timeout_s: seconds for a trial; `None` for no limit.
    """

    objectives: Sequence[Objective]
    sampler: Sampler
    storable: Callable[[Values], Storable]
    policy: TerminationPolicy | None = None
    max_total_trials: int = 1000
    max_concurrent_trials: int = 1000
    timeout_s: float | None = None
    trial_timeout_s: float | None = None

    @property
    def primary(self) -> Objective:
        """The metric that trials are judged by on the way."""
        return self.objectives[0]
