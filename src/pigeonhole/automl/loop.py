"""Runs a search to the end of its time: fits as many at once as may, each written down before and after it.

Knows neither what a fit does nor where it runs; what comes next is `schedule`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.exporting import is_to_be_exported
from pigeonhole.automl.facts import Facts
from pigeonhole.automl.fits import ALL, HOLD_OUT, Fit, Tried
from pigeonhole.automl.pace import Declared, Pace
from pigeonhole.automl.record import SearchRecord
from pigeonhole.automl.schedule import propose
from pigeonhole.automl.situation import Epochs, Situation
from pigeonhole.automl.stopping import why_to_stop
from pigeonhole.compute.job import Compute, Event, Job, Outcome, Report
from pigeonhole.models.spec import Scalar

# How long nothing need happen before the view is told, and what a kill may cost of the time that counts.
_TICK_S = 1.0
_LOST_AT_MOST = 2
_GIGABYTE = 1e9
# Why fits were cut that the same search takes up again when it goes on.
OVER, INTERRUPTED = "the time of the search was over", "the search was interrupted"
_TOO_LONG = "it took longer than trial_timeout allows"


class SearchView(Protocol):
    """Whoever watches a search."""

    def on_fits(self, tried: Sequence[Tried], left_s: float) -> None:
        """Something happened, or a second went by."""


@dataclass(frozen=True)
class Plan:
    """What a search has to work with.

    Attributes:
        facts: of the data.
        estimators: the candidates to begin with.
        networks: presets of networks that may be trained.
        epochs: of each of them.
        limits: of the estimators' numeric parameters.
        declared: what a candidate costs.
        memory_bytes: that a fit may hold.
        early_termination: whether a search that finds nothing better ends before its time.
        exit_score: what is good enough.
        max_trials: how many candidates may be begun; each has as many fits as it takes.
        trial_timeout_s: what one fit may take.
        set_aside: a share of the budget that fits leave for what comes after them.
    """

    facts: Facts
    estimators: Sequence[Candidate]
    networks: Sequence[str]
    epochs: Mapping[str, Epochs]
    limits: Mapping[str, Mapping[str, tuple[float | None, Scalar, float | None]]]
    declared: Declared
    memory_bytes: int
    early_termination: bool = True
    exit_score: float | None = None
    max_trials: int | None = None
    trial_timeout_s: float | None = None
    set_aside: float = 0.0


# A fit's job, given the seconds in which it must have ended.
JobOfFit = Callable[[Tried, float], Job]


@dataclass(frozen=True)
class Ended:
    """How the fits of a search ended.

    Attributes:
        tried: all fits.
        why: why it ended before its time; `None` where the time was used up or nothing was left to try.
        used_up: whether time ended it.
    """

    tried: Sequence[Tried]
    why: str | None
    used_up: bool


@dataclass
class Search:
    """A search under way.

    Args:
        plan: what it works with.
        record: what was tried already; everything new is written there.
        compute: where jobs run.
        job_of_fit: makes a fit's job.
        budget: its clock.
        view: told of every change.
    """

    plan: Plan
    record: SearchRecord
    compute: Compute
    job_of_fit: JobOfFit
    budget: Budget
    view: SearchView
    tried: list[Tried] = field(default_factory=list)
    _waiting: list[Tried] = field(default_factory=list)
    _lost: dict[int, int] = field(default_factory=dict)
    _why: str | None = None

    def __post_init__(self) -> None:
        # What a kill, an interruption or the end of a smaller budget cut is fitted first; networks go on from their
        # checkpoints.
        self.tried = [
            replace(one, state="running", reason=None) if _was_cut(one) else one for one in self.record.fits()
        ]
        self._waiting = [one for one in self.tried if one.is_running]

    def run(self) -> Ended:
        """Fits until the time is up, or nothing is worth it any more."""
        while self._goes_on():
            self._start_what_can()
            if not self._running():
                break
            for event in self.compute.events(max(0.05, min(_TICK_S, self._left_s()))):
                self._take(event)
            self.record.note(self.budget.now_s)
            self.view.on_fits(self.tried, self.budget.left_s)
        used_up = self._left_s() <= 0
        self.stop(OVER if used_up else self._why or "the search ended")
        return Ended(self.tried, self._why, used_up)

    def stop(self, reason: str) -> None:
        """Cancels what runs, waits for its end and writes it down; what waits has its turn another time."""
        for one in self._waiting:
            self._keep(_stopped(one, reason))
        self._waiting.clear()
        for one in self._running():
            self.compute.cancel(one.fit.key)
        while self._running() and self.compute.free < self.compute.slots:
            for event in self.compute.events(None):
                if isinstance(event, Outcome):
                    self._end(event, reason)
        for one in self._running():  # written down, and its job never begun
            self._keep(_stopped(one, reason))
        self.view.on_fits(self.tried, self.budget.left_s)

    @property
    def situation(self) -> Situation:
        """What is known now."""
        plan = self.plan
        pace = Pace(plan.declared, self.tried)
        return Situation(
            plan.facts,
            self.tried,
            plan.estimators,
            plan.networks,
            plan.epochs,
            plan.limits,
            pace,
            self._left_s(),
            self.budget.budget_s,
        )

    def _goes_on(self) -> bool:
        self._why = why_to_stop(
            self._scores(),
            early_termination=self.plan.early_termination,
            exit_score=self.plan.exit_score,
        )
        return self._why is None and self._left_s() > 0

    def _scores(self) -> list[float]:
        """Of the candidates that got all images, in order of their ends; with folds, once the last fit is there."""
        now, images = self.situation, self.plan.facts.train_images
        ended = [
            one for one in self.tried if one.is_ok and one.fit.images == images and one.fit.part in {HOLD_OUT, ALL}
        ]
        ended.sort(key=lambda one: one.at_s or 0.0)
        scores = [now.score(one.fit.candidate.key, images) for one in ended]
        return [score for score in scores if score is not None]

    def _left_s(self) -> float:
        """Until the fits must have ended: a first model is waited for a little longer than the rest."""
        exported = [one.latency_ms for one in self.tried if one.run_id is not None and one.latency_ms is not None]
        return self.budget.fits_left_s(exported, self.plan.set_aside) if exported else self.budget.first_left_s

    def _running(self) -> list[Tried]:
        waiting = {one.number for one in self._waiting}
        return [one for one in self.tried if one.is_running and one.number not in waiting]

    def _start_what_can(self) -> None:
        while self.compute.free > 0 and self._left_s() > 0:
            one = self._waiting.pop(0) if self._waiting else self._new()
            if one is None:
                return
            self._start(one)

    def _new(self) -> Tried | None:
        """The next fit; those that memory cannot hold are written down as such on the way."""
        while True:
            now = self.situation
            fit = self._proposed(now)
            if fit is None:
                return None
            one = Tried(fit, len(self.tried) + 1)
            needed = now.pace.memory_bytes(fit)
            if needed <= self.plan.memory_bytes:
                self._keep(one)
                return one
            self._keep(replace(one, state="not-applicable", reason=self._too_large(needed)))

    def _proposed(self, now: Situation) -> Fit | None:
        """What comes next; once as many candidates as may were begun, only more of these."""
        begun = {one.fit.candidate.key for one in self.tried if one.state != "not-applicable"}
        if self.plan.max_trials is None or len(begun) < self.plan.max_trials:
            return propose(now)
        estimators = [one for one in now.estimators if one.key in begun]
        networks = [key for key in now.networks if key in begun and not now.started(key, now.facts.train_images)]
        # A network is proposed anew, with epochs of its own, where its preset's take too long: one candidate more.
        for trained in (networks, []):
            fit = propose(replace(now, estimators=estimators, networks=trained, limits={}))
            if fit is None or fit.candidate.key in begun:
                return fit
        return None

    def _too_large(self, needed: int) -> str:
        there = self.plan.memory_bytes / _GIGABYTE
        return f"it needs about {needed / _GIGABYTE:.1f} GB of memory, and a fit may hold {there:.1f} GB"

    def _start(self, one: Tried) -> None:
        left_s = self._left_s()
        # Waiting longer for a first model is for those that cannot help it: a network ends in time by itself.
        told_s = self.budget.fits_left_s([], self.plan.set_aside)
        told_s = min(left_s, told_s) if told_s > 0 else left_s
        if self.plan.trial_timeout_s is not None:
            left_s, told_s = min(left_s, self.plan.trial_timeout_s), min(told_s, self.plan.trial_timeout_s)
        job = self.job_of_fit(one, told_s)
        limit = max(0.5, left_s)
        self.compute.submit(replace(job, key=one.fit.key, deadline_s=limit, memory_bytes=self.plan.memory_bytes))

    def _take(self, event: Event) -> None:
        if isinstance(event, Outcome):
            timed_out = _TOO_LONG if self._has_own_timeout() else OVER
            self._end(event, timed_out)
        elif event.question:
            self._answer(event)

    def _has_own_timeout(self) -> bool:
        """Whether a fit that came to its limit came to that of its own, and not to the end of the search."""
        return self.plan.trial_timeout_s is not None and self._left_s() > _TICK_S

    def _answer(self, report: Report) -> None:
        """A fit has its score, and asks whether to export."""
        one = self._of(report.key)
        exports = False
        if one is not None:
            figures: dict[str, Any] = report.record["figures"]
            one = replace(one, **figures)
            others = [other for other in self.tried if other.number != one.number]
            exports = is_to_be_exported(one.fit, one.score, others, self.plan.facts.train_images)
            self._keep(one)
        self.compute.answer(report.key, {"export": exports})

    def _end(self, outcome: Outcome, reason: str) -> None:
        one = self._of(outcome.key)
        if one is None:
            return
        one = replace(one, seconds=round(one.seconds + outcome.seconds, 3), at_s=round(self.budget.now_s, 3))
        if outcome.state == "Completed":
            self._keep(replace(one, state="ok", **_exported(outcome.value)))
        elif outcome.state == "Lost" and self._lost.get(one.number, 0) < _LOST_AT_MOST:
            self._lost[one.number] = self._lost.get(one.number, 0) + 1
            self._keep(one)
            self._waiting.append(one)
        elif outcome.state in {"Canceled", "TimedOut"}:
            self._keep(_stopped(one, reason))
        else:
            why = outcome.error or outcome.state
            self._keep(replace(one, state="failed", score=None, low=None, high=None, reason=why))

    def _of(self, key: str) -> Tried | None:
        return next((one for one in self.tried if one.is_running and one.fit.key == key), None)

    def _keep(self, one: Tried) -> None:
        if one.number > len(self.tried):
            self.tried.append(one)
        else:
            self.tried[one.number - 1] = one
        self.record.write(one)


def _was_cut(one: Tried) -> bool:
    return one.is_running or (one.state == "stopped" and one.reason != _TOO_LONG)


def _stopped(one: Tried, reason: str) -> Tried:
    return replace(one, state="stopped", score=None, low=None, high=None, reason=reason)


def _exported(value: Any) -> dict[str, Any]:
    """What a job returns: where it was exported, its run, latency and size."""
    return {name: value.get(name) for name in ("run_id", "latency_ms", "size_bytes")} if value else {}
