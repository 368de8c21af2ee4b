"""What became of a sweep, as users see it. Runs nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pigeonhole.core.errors import BudgetError, TrainingError, listing
from pigeonhole.sweep.loop import Ended
from pigeonhole.sweep.plan import Objective
from pigeonhole.sweep.results import best_trial, pareto_front, seconds_saved
from pigeonhole.sweep.study import Stored


@dataclass(frozen=True)
class TrialOutcome:
    """One trial.

    Attributes:
        number: from 0.
        state: Completed, Terminated (stopped by the policy), Failed, or Running (interrupted; it goes on later).
        values: of the parameters that the sweep turns.
        objectives: the value of each objective; `None` where there is none.
        reports: the primary metric at intervals 1, 2, …
        reason: why it was stopped or failed.
        traceback: of a failed trial, where there is one.
        seconds: that it took, over all attempts.
        run_id: its run.
        metrics: its final figures by name.
        on_front: whether no other trial beats it in every objective; False for one objective.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    objectives: Sequence[float | None] | None
    reports: Sequence[float | None]
    reason: str | None
    traceback: str
    seconds: float
    run_id: str | None
    metrics: Mapping[str, float | None]
    on_front: bool = False

    @classmethod
    def of(cls, stored: Stored, on_front: bool = False) -> TrialOutcome:
        """The trial as the study has it."""
        trial = stored.trial
        return cls(
            trial.number,
            trial.state,
            dict(trial.values),
            None if trial.objectives is None else [_finite(value) for value in trial.objectives],
            [_finite(value) for value in trial.reports],
            trial.reason,
            stored.traceback,
            stored.seconds,
            stored.run_id,
            {name: _finite(value) for name, value in stored.metrics.items()},
            on_front,
        )


@dataclass(frozen=True)
class SweepOutcome:
    """A sweep that has ended.

    Attributes:
        sweep: its name.
        status: Completed, or TimedOut where the limit of time cut it; with more time the same line goes on.
        dataset: of a preset's trials, with its version.
        metrics: the name of each objective.
        goals: `maximize` or `minimize`, for each.
        best: the trial that is best in the first objective.
        counts: how many trials in each state.
        seconds: of the sweep, pauses not counted.
        seconds_saved: about what stopping early saved; `None` where nothing was stopped.
        trials: all, by number.
        folder: where the trials' logs are.
        report: the page that draws it; `None` where the packages for charts are not installed.
    """

    sweep: str
    status: str
    dataset: str | None
    metrics: tuple[str, ...]
    goals: tuple[str, ...]
    best: TrialOutcome
    counts: dict[str, int]
    seconds: float
    seconds_saved: float | None
    trials: tuple[TrialOutcome, ...]
    folder: str
    report: str | None = None

    @property
    def run_id(self) -> str | None:
        """The best trial's run: `pigeonhole evaluate` and `register` take it from here."""
        return self.best.run_id

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-ready values."""
        return {**asdict(self), "run_id": self.run_id}


def outcome(
    sweep: str, dataset: str | None, objectives: Sequence[Objective], ended: Ended, folder: str
) -> SweepOutcome:
    """What became of it.

    Raises:
        BudgetError: its time ran out before a trial had ended.
        TrainingError: no trial ended well.
    """
    best = best_trial(ended.trials, objectives)
    if best is None:
        raise _nothing(sweep, ended, folder)
    front = pareto_front(ended.trials, objectives)
    trials = tuple(TrialOutcome.of(stored, stored.trial.number in front) for stored in ended.trials)
    return SweepOutcome(
        sweep,
        ended.why,
        dataset,
        tuple(objective.metric for objective in objectives),
        tuple(objective.goal for objective in objectives),
        trials[best.trial.number],
        dict(Counter(trial.state for trial in trials)),
        round(ended.seconds, 3),
        seconds_saved(ended.trials),
        trials,
        folder,
    )


def _nothing(sweep: str, ended: Ended, folder: str) -> BudgetError | TrainingError:
    if ended.why == "TimedOut":
        return BudgetError(
            f"sweep {sweep}: its time ran out after {ended.seconds:.0f} s, before a trial had ended",
            "limits.timeout with room for one trial at least",
            "give it more time; the same line then goes on where it is",
        )
    reasons = [f"trial {stored.trial.number}: {stored.trial.reason}" for stored in ended.trials]
    return TrainingError(
        f"sweep {sweep}: none of its {len(ended.trials)} trials ended well\n{listing(reasons)}",
        "a trial that runs to its end",
        f"correct what the reasons name; each trial's log is in {folder}",
    )


def _finite(value: float) -> float | None:
    """JSON has no word for what is no number."""
    return value if math.isfinite(value) else None
