"""Median stopping: stops a trial whose best is worse than the median of what all have averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Literal

from typing_extensions import override

from pigeonhole.sweep.policies.base import AtIntervals, best, clearly_worse, reported
from pigeonhole.sweep.trial import Goal, Trial

_FEWEST_OTHERS = 2


class MedianStopping(AtIntervals):
    """Stops trial n at interval N if its best up to N is worse than the median of the running averages of 1 to N.

    The median is over the trial itself and all of a lower number. One with fewer than N reports counts with the average
    of those it has; one without any does not count. With fewer than two others nothing is stopped.
    """

    type: Literal["median_stopping"] = "median_stopping"

    @override
    def reason_to_stop(self, number: int, own: Sequence[float], others: Sequence[Trial], goal: Goal) -> str | None:
        rivals = reported(others)
        if len(rivals) < _FEWEST_OTHERS:
            return None
        averages = [_average(trial.reports) for trial in rivals]
        if any(not math.isnan(value) for value in own):
            averages.append(_average(own))
        middle = median(averages)
        mine = best(own, goal)
        if not clearly_worse(mine, middle, goal, max(map(abs, averages))):
            return None
        told = "no number so far" if math.isnan(mine) else f"its best {mine:.4g}"
        return (
            f"median_stopping: at interval {len(own)} {told} is {'below' if goal == 'maximize' else 'above'}"
            f" {middle:.4g}, the median of the running averages of {len(averages)} trials"
        )


def _average(reports: Sequence[float]) -> float:
    """Of the reports that are numbers."""
    return fmean(value for value in reports if not math.isnan(value))
