"""What a trial's end makes of it: its state, its objectives, its reason. A pure function of what its job said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pigeonhole.compute.job import Outcome
from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import SpecError
from pigeonhole.sweep.course import Course
from pigeonhole.sweep.plan import Objective
from pigeonhole.sweep.talking import Said


def end(course: Course, outcome: Outcome, objectives: Sequence[Objective]) -> None:
    """Ends a course as its job ended.

    Raises:
        SpecError: the trial ended well and never logged one of the objectives; it stays Running.
    """
    said = Said.of(outcome.value)
    course.run_id = said.run_id or course.run_id
    course.metrics = {**course.metrics, **said.metrics}
    if course.stop is not None:
        course.state, course.reason = "Terminated", course.stop
        best = objectives[0].best(course.reports)
        course.objectives = [best] if len(objectives) == 1 and math.isfinite(best) else None
    elif outcome.state == "Completed":
        _complete(course, said.metrics, objectives)
    else:
        course.state, course.traceback = "Failed", outcome.traceback
        course.reason = outcome.error or f"its job ended as {outcome.state}"


def _complete(course: Course, final: Mapping[str, float], objectives: Sequence[Objective]) -> None:
    if not course.reports and objectives[0].metric in final:
        course.reports = [final[objectives[0].metric]]
    missing = [objective.metric for objective in objectives[1:] if objective.metric not in course.metrics]
    missing += [objectives[0].metric] if not course.reports else []
    if missing:
        raise _never_logged(course, missing)
    if len(objectives) == 1:
        values = [objectives[0].best(course.reports)]
    else:
        first = final.get(objectives[0].metric, course.reports[-1])
        values = [first, *(course.metrics[objective.metric] for objective in objectives[1:])]
    unusable = [f"{o.metric} {v}" for o, v in zip(objectives, values, strict=True) if not math.isfinite(v)]
    if unusable:
        course.state, course.reason = "Failed", f"its final {', '.join(unusable)} is no finite number"
        return
    course.state, course.objectives = "Completed", values


def _never_logged(course: Course, missing: Sequence[str]) -> SpecError:
    logged = sorted(course.metrics)
    names = ", ".join(f"{name!r}{suggestion(name, logged)}" for name in missing)
    return SpecError(
        f"trial {course.number} ended and never logged the objective {names}",
        f"a metric that trials log: {', '.join(logged) or 'this one logged none'}",
        "name one of those as the primary_metric, or log it under that name",
    )
