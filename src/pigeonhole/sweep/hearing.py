"""Takes in what trials say, in order, and lets the policy decide once it may. Starts no job and ends no trial.

Trial n at interval N is judged by the trials of a lower number, once each of them has ended or got to N. Until then
nothing that n says later is taken in, so a decision never depends on who was faster (docs/adr/0023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pigeonhole.compute.job import Compute
from pigeonhole.sweep import talking
from pigeonhole.sweep.course import Attempt, Course
from pigeonhole.sweep.plan import Plan
from pigeonhole.sweep.study import Study
from pigeonhole.sweep.talking import Said


class Hearing:
    """What is said, written into the study, judged and answered.

    Args:
        plan: with the policy.
        study: where intervals are written.
        compute: where answers go.
        courses: all trials by number; grows.
    """

    def __init__(self, plan: Plan, study: Study, compute: Compute, courses: Sequence[Course]) -> None:
        self._plan, self._study, self._compute, self._courses = plan, study, compute, courses

    def take_in(self, course: Course, attempt: Attempt) -> bool:
        """Takes in all that may be taken in now.

        Returns:
            Whether nothing is left: then, if its job has ended, the trial has.
        """
        while course.stop is None:
            if attempt.judged is not None and not self._decide(course, attempt, attempt.judged):
                return False
            if course.stop is not None or not attempt.said:
                break
            self._hear(course, attempt, attempt.said.popleft())
        self._hush(course, attempt)
        return True

    def _hear(self, course: Course, attempt: Attempt, said: Said) -> None:
        self._keep(course, said)
        value = said.metrics.get(self._plan.primary.metric)
        if value is None:
            if said.question:
                self._answer(course, talking.GO)
            return
        attempt.heard += 1
        interval = attempt.heard
        if interval > len(course.reports):
            course.reports.append(value)
            course.lost = 0
            self._study.report(course.number, interval, value)
        if self._plan.policy is not None and self._plan.policy.applies(interval):
            attempt.judged, attempt.question = interval, said.question
        elif said.question:
            self._answer(course, talking.GO)

    def _keep(self, course: Course, said: Said) -> None:
        course.metrics |= said.metrics
        course.intervals = said.intervals or course.intervals
        if said.run_id is not None and said.run_id != course.run_id:
            course.run_id = said.run_id
            self._study.note(course.number, "run_id", said.run_id)

    def _decide(self, course: Course, attempt: Attempt, interval: int) -> bool:
        """Decides at the interval, if it can be decided."""
        lower = self._courses[: course.number]
        policy = self._plan.policy
        if policy is None or not all(other.has_got_to(interval) for other in lower):
            return False
        others = [other.as_seen_at(interval) for other in lower]
        own = tuple(course.reports[:interval])
        reason = policy.reason_to_stop(course.number, own, others, self._plan.primary.goal)
        attempt.judged = None
        if reason is not None:
            self._stop(course, attempt, interval, reason)
        elif attempt.question:
            self._answer(course, talking.GO)
        return True

    def _stop(self, course: Course, attempt: Attempt, interval: int, reason: str) -> None:
        course.stop = reason
        course.reports = course.reports[:interval]
        if attempt.question:
            self._answer(course, talking.stop(reason))
        elif attempt.outcome is None:
            self._compute.cancel(course.key)

    def _hush(self, course: Course, attempt: Attempt) -> None:
        """A job that was told to stop is told so whatever else it asks."""
        for said in attempt.said:
            if said.question:
                self._answer(course, talking.stop(course.stop or ""))
        attempt.said.clear()

    def _answer(self, course: Course, answer: Mapping[str, Any]) -> None:
        self._compute.answer(course.key, answer)
