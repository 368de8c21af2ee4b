"""Runs a sweep to its end: trials in order, as many at once as may, each judged, each written down as it goes.

Knows neither what a trial does nor where it runs. Nothing here depends on which of two trials was faster, so the same
seed gives the same trials, values and terminations, however often the sweep was killed on its way.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from pigeonhole.compute.job import Compute, Event, Outcome, Report
from pigeonhole.sweep.course import Attempt, Course
from pigeonhole.sweep.ending import end
from pigeonhole.sweep.hearing import Hearing
from pigeonhole.sweep.plan import JobOfTrial, Plan
from pigeonhole.sweep.study import Stored, Study
from pigeonhole.sweep.talking import Said
from pigeonhole.sweep.trial import Values

# What a kill may cost of the seconds that count towards the limits.
_TICK_S = 10.0
# A trial whose process dies so often without a new interval does it itself.
_LOST_AT_MOST = 5
CONSUMED = "consumed_s"

Why = Literal["Completed", "TimedOut"]


class SweepView(Protocol):
    """Whoever watches a sweep: a terminal, a notebook, nobody."""

    def on_trial(self, stored: Stored) -> None:
        """A trial was found in the study, started, told an interval, or ended."""


class Unwatched:
    """Nobody."""

    def on_trial(self, stored: Stored) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class Ended:
    """How a sweep ended, and its trials by number; those that the time limit cut are Running and go on later."""

    why: Why
    trials: Sequence[Stored]
    seconds: float


def run_sweep(
    plan: Plan,
    study: Study,
    compute: Compute,
    job_of_trial: JobOfTrial,
    view: SweepView | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Runs what is left of a sweep.

    Args:
        plan: what to try, and how much.
        study: what was tried already; everything new is written there.
        compute: where jobs run. Whoever made it closes it, which ends the jobs that the time limit cut.
        job_of_trial: a trial's job; what jobs say is in `talking`.
        view: told of every change.
        clock: seconds.

    Raises:
        SpecError: a trial ended well and never logged one of the objectives.
    """
    return _Loop(plan, study, compute, job_of_trial, view or Unwatched(), clock).run()


class _Loop:
    def __init__(
        self,
        plan: Plan,
        study: Study,
        compute: Compute,
        job_of_trial: JobOfTrial,
        view: SweepView,
        clock: Callable[[], float],
    ) -> None:
        self._plan, self._study, self._compute = plan, study, compute
        self._job_of_trial, self._view, self._clock = job_of_trial, view, clock
        self._courses = [Course.of(stored) for stored in study.trials()]
        self._hearing = Hearing(plan, study, compute, self._courses)
        self._before_s = float(study.attributes.get(CONSUMED, 0.0))
        # Only from the first job on does time count: a finished sweep that is shown again takes none.
        self._began: float | None = None
        self._noted = clock()

    def run(self) -> Ended:
        for course in self._courses:
            self._tell(course)
        try:
            while (self._start_what_can() or self._running()) and self._left_s() > 0:
                for event in self._compute.events(min(_TICK_S, self._left_s())):
                    self._take(event)
                self._take_in()
                self._note_time()
        finally:
            # The error that ended the loop is the news, not that the store cannot be written any more.
            with contextlib.suppress(Exception):
                self._note_time(now=True)
        why: Why = "TimedOut" if self._is_anything_left() else "Completed"
        now = self._clock()
        return Ended(
            why, [course.stored(now) for course in self._courses], float(self._study.attributes.get(CONSUMED, 0))
        )

    def _running(self) -> list[Course]:
        return [course for course in self._courses if course.attempt is not None]

    def _start_what_can(self) -> bool:
        """Starts trials in order, as long as there is a place, something to try and time."""
        started = False
        while self._left_s() > 0 and self._has_place():
            course = self._interrupted() or self._new()
            if course is None:
                break
            self._start(course)
            started = True
        return started

    def _has_place(self) -> bool:
        running = len(self._running())
        return not running or (running < self._plan.max_concurrent_trials and self._compute.free > 0)

    def _interrupted(self) -> Course | None:
        """The trial of the lowest number that a kill interrupted."""
        return next((course for course in self._courses if not course.ended and course.attempt is None), None)

    def _new(self) -> Course | None:
        values = self._suggestion()
        if values is None:
            return None
        course = Course(len(self._courses), values)
        self._study.add(course.number, values, self._plan.storable(values))
        self._courses.append(course)
        return course

    def _suggestion(self) -> Values | None:
        """The values of the next trial, if it may be chosen now and there is one."""
        number, sampler = len(self._courses), self._plan.sampler
        if number >= self._plan.max_total_trials:
            return None
        first = self._courses[: sampler.waits_for(number)]
        if not all(course.ended for course in first):
            return None
        return sampler.suggest(number, [course.trial() for course in first])

    def _is_anything_left(self) -> bool:
        return any(not course.ended for course in self._courses) or self._suggestion() is not None

    def _start(self, course: Course) -> None:
        job = self._job_of_trial(course.number, course.values)
        if self._plan.trial_timeout_s is not None:
            # At least a moment, so that a trial whose time a kill used up ends as any other that runs out of time.
            job = replace(job, deadline_s=max(1.0, self._plan.trial_timeout_s - course.seconds))
        self._compute.submit(replace(job, key=course.key))
        if self._began is None:
            self._began = self._clock()
        course.attempt, course.stop = Attempt(self._clock()), None
        self._tell(course)

    def _take(self, event: Event) -> None:
        course = next((course for course in self._running() if course.key == event.key), None)
        if course is None or course.attempt is None:
            return
        if isinstance(event, Report):
            course.attempt.said.append(Said.of(event.record, event.question))
        else:
            course.attempt.outcome = event

    def _take_in(self) -> None:
        """From the lowest number up: a trial waits for lower ones only, so one pass settles all that can be."""
        for course in self._running():
            if course.attempt is None:
                continue
            before = (len(course.reports), course.run_id, course.stop)
            done = self._hearing.take_in(course, course.attempt)
            if done and course.attempt.outcome is not None:
                self._end(course, course.attempt.outcome)
            elif before != (len(course.reports), course.run_id, course.stop):
                self._tell(course)

    def _end(self, course: Course, outcome: Outcome) -> None:
        known = len(course.reports)
        if outcome.state == "Lost" and course.stop is None and self._goes_on(course, outcome):
            return
        end(course, outcome, self._plan.objectives)
        course.seconds, course.attempt = course.seconds + outcome.seconds, None
        for interval in range(known + 1, len(course.reports) + 1):
            self._study.report(course.number, interval, course.reports[interval - 1])
        self._study.end(course.stored(self._clock()))
        self._tell(course)

    def _goes_on(self, course: Course, outcome: Outcome) -> bool:
        """Whether a trial whose process was lost runs again; its job takes up what it has done."""
        course.lost += 1
        if course.lost >= _LOST_AT_MOST:
            return False
        course.seconds, course.attempt = course.seconds + outcome.seconds, None
        return True

    def _tell(self, course: Course) -> None:
        self._view.on_trial(course.stored(self._clock()))

    def _consumed_s(self) -> float:
        return self._before_s + (0.0 if self._began is None else self._clock() - self._began)

    def _left_s(self) -> float:
        return float("inf") if self._plan.timeout_s is None else self._plan.timeout_s - self._consumed_s()

    def _note_time(self, now: bool = False) -> None:
        """Writes down the seconds that count towards limits, so that a kill gives nobody more time."""
        if self._began is None or (not now and self._clock() - self._noted < _TICK_S):
            return
        self._noted = self._clock()
        self._study.remember(CONSUMED, round(self._consumed_s(), 3))
        for course in self._running():
            self._study.note(course.number, "seconds", round(course.spent_s(self._noted), 3))
