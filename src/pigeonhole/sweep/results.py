"""What a sweep found: the best trial, the Pareto front, the seconds saved. Pure functions of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from pigeonhole.sweep.plan import Objective
from pigeonhole.sweep.study import Stored


def best_trial(trials: Sequence[Stored], objectives: Sequence[Objective]) -> Stored | None:
    """The trial with the best first objective; of equals the one of the lowest number.

    Only trials that ran to their end count: one that was stopped has no finished run.
    """
    best: Stored | None = None
    for stored in _completed(trials):
        if best is None or objectives[0].better(_values(stored)[0], _values(best)[0]):
            best = stored
    return best


def pareto_front(trials: Sequence[Stored], objectives: Sequence[Objective]) -> tuple[int, ...]:
    """The numbers of the trials that no other beats: as good in every objective, and better in one.

    Empty for one objective, whose front would be the best trial.
    """
    if len(objectives) < 2:
        return ()
    completed = _completed(trials)
    return tuple(
        stored.trial.number
        for stored in completed
        if not any(_beats(_values(other), _values(stored), objectives) for other in completed)
    )


def seconds_saved(trials: Sequence[Stored]) -> float | None:
    """About what stopping early saved; `None` where nothing was stopped, or nothing tells what it would have taken.

    The intervals that a stopped trial had left (where it did not say how many it would have: as many as completed
    ones had on average), each at the mean seconds an interval of the completed trials.
    """
    stopped = [stored for stored in trials if stored.trial.state == "Terminated"]
    told = [stored for stored in _completed(trials) if stored.trial.reports]
    if not stopped or not told:
        return None
    usual = fmean(len(stored.trial.reports) for stored in told)
    interval_s = sum(stored.seconds for stored in told) / sum(len(stored.trial.reports) for stored in told)
    left = sum(max(0.0, (stored.intervals or usual) - len(stored.trial.reports)) for stored in stopped)
    return left * interval_s


def _completed(trials: Sequence[Stored]) -> list[Stored]:
    return [stored for stored in trials if stored.trial.state == "Completed"]


def _values(stored: Stored) -> Sequence[float]:
    return stored.trial.objectives or ()


def _beats(one: Sequence[float], other: Sequence[float], objectives: Sequence[Objective]) -> bool:
    pairs = list(zip(objectives, one, other, strict=True))
    return not any(o.better(theirs, mine) for o, mine, theirs in pairs) and any(o.better(m, t) for o, m, t in pairs)
