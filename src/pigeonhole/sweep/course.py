"""One trial on its way: what its job said, and what of it was taken in. Starts and decides nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pigeonhole.compute.job import Outcome
from pigeonhole.sweep.study import Stored
from pigeonhole.sweep.talking import Said
from pigeonhole.sweep.trial import Trial, TrialState, Values


@dataclass
class Attempt:
    """One job of a trial; a trial has another where the job's process was lost, or the whole sweep was.

    Attributes:
        began: when, on the loop's clock.
        said: records that are not taken in yet, in order.
        heard: intervals taken in.
        judged: the interval at which the policy has yet to decide, or `None`.
        question: whether the job waits for that decision.
        outcome: how the job ended, once it did.
    """

    began: float
    said: deque[Said] = field(default_factory=deque)
    heard: int = 0
    judged: int | None = None
    question: bool = False
    outcome: Outcome | None = None


@dataclass
class Course:
    """A trial from its creation to its end.

    Attributes:
        number: the trial's.
        values: of its parameters.
        state: as in the study.
        reports: the primary metric at intervals 1, 2, …; the first that is said of an interval stays.
        objectives: once it ended well.
        reason: why it was terminated or failed.
        run_id: its run.
        seconds: of the attempts before the present one.
        metrics: the figures said last, by name.
        intervals: how many it means to report.
        traceback: where it failed.
        attempt: the job that runs now.
        stop: why it was told to stop.
        lost: how many attempts in a row were lost without a new interval.
    """

    number: int
    values: Values
    state: TrialState = "Running"
    reports: list[float] = field(default_factory=list)
    objectives: list[float] | None = None
    reason: str | None = None
    run_id: str | None = None
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: int | None = None
    traceback: str = ""
    attempt: Attempt | None = None
    stop: str | None = None
    lost: int = 0

    @classmethod
    def of(cls, stored: Stored) -> Course:
        """The course of a trial that the study has."""
        trial = stored.trial
        return cls(
            trial.number,
            trial.values,
            trial.state,
            list(trial.reports),
            None if trial.objectives is None else list(trial.objectives),
            trial.reason,
            stored.run_id,
            stored.seconds,
            dict(stored.metrics),
            stored.intervals,
            stored.traceback,
        )

    @property
    def key(self) -> str:
        """The name of its jobs."""
        return f"trial-{self.number}"

    @property
    def ended(self) -> bool:
        """Whether nothing of it can change any more."""
        return self.state != "Running"

    def spent_s(self, now: float) -> float:
        """Seconds of all its attempts."""
        return self.seconds + (now - self.attempt.began if self.attempt else 0.0)

    def has_got_to(self, interval: int) -> bool:
        """Whether its reports up to that interval are what they will ever be."""
        return self.ended or len(self.reports) >= interval

    def as_seen_at(self, interval: int) -> Trial:
        """The trial for a policy that decides at that interval: the same whenever it asks."""
        if len(self.reports) >= interval:
            return Trial(self.number, self.values, "Running", tuple(self.reports[:interval]))
        return Trial(self.number, self.values, self.state, tuple(self.reports))

    def trial(self) -> Trial:
        """The trial as it is now."""
        return Trial(self.number, self.values, self.state, tuple(self.reports), self.objectives, self.reason)

    def stored(self, now: float) -> Stored:
        """The trial with what is known of it besides."""
        seconds = round(self.spent_s(now), 3)
        return Stored(self.trial(), self.run_id, seconds, dict(self.metrics), self.intervals, self.traceback)
