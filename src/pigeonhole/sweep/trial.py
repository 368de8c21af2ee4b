"""A trial as samplers and termination policies see it: they see no clock, so a seeded sweep ends the same each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Goal = Literal["maximize", "minimize"]
# Running also stands for a trial that a kill interrupted; it runs again under its number.
TrialState = Literal["Running", "Completed", "Terminated", "Failed"]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """One trial so far.

    Attributes:
        number: from 0, in the order of suggestion.
        values: the value of every parameter of the search space that it has; JSON-ready.
        state: `Terminated` means stopped early by the policy.
        reports: the primary metric (of several: the first) at intervals 1, 2, …
        objectives: the final value of each objective; for one objective the best of `reports`. `None` until it ended
            well, and for a trial that failed.
        reason: why it was terminated or failed.
    """

    number: int
    values: Values
    state: TrialState = "Running"
    reports: Sequence[float] = ()
    objectives: Sequence[float] | None = None
    reason: str | None = None


class Sampler(Protocol):
    """Chooses the values of trial after trial; a pure function of its settings, its seed and the trials it is shown."""

    def waits_for(self, number: int) -> int:
        """How many first trials (numbers 0 up to it, exclusive) must have ended before trial `number` is suggested."""

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values | None:
        """The values of trial `number`; `None` when there is nothing left to try.

        Args:
            number: from 0.
            ended: exactly the first `waits_for(number)` trials, in order.
        """


class TerminationPolicy(Protocol):
    """Stops trials that promise nothing; a pure function of its settings and the values it is shown."""

    def applies(self, interval: int) -> bool:
        """Whether it decides at this interval (from 1)."""

    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        """Why trial `number` is to stop at interval `len(own)`, in words with the figures; `None` lets it go on.

        Args:
            number: the trial's.
            own: its reports at intervals 1 to now, the last of them new.
            others: all trials of a lower number, each with its reports up to this interval and no further.
            goal: of the primary metric.
        """
