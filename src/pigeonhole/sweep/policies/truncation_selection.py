"""Truncation selection: at each evaluation, stops the worst share of all trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from typing_extensions import override

from pigeonhole.sweep.policies.base import AtIntervals, better
from pigeonhole.sweep.trial import Goal, Trial


class TruncationSelection(AtIntervals):
    """Stops trial n at interval N if it is among the worst `floor(p% of all)`, ranked by the values at interval N.

    All are the trial itself and those of a lower number that have reported; one that ended before N is ranked by its
    last value. Where values are equal, none of them is worse than the other: a trial stops only if at least so many
    places are left for it after all that are as bad as itself.

    Attributes:
        truncation_percentage: p, 1 to 99.
    """

    type: Literal["truncation_selection"] = "truncation_selection"
    truncation_percentage: int = Field(ge=1, le=99, strict=True)

    @override
    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        rivals = [trial.reports[-1] for trial in others if trial.reports]
        count = len(rivals) + 1
        places = self.truncation_percentage * count // 100
        as_bad = sum(not better(value, own[-1], goal) for value in rivals)
        if as_bad >= places:
            return None
        return (
            f"truncation_selection: at interval {len(own)} its {own[-1]:.4g} is number {count - as_bad} of {count}"
            f" trials; the worst {self.truncation_percentage}% ({places}) stop"
        )
