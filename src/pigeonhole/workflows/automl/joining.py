"""The ensembles at the end of a search: chosen and joined by jobs, each within what time is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import REFIT, Tried
from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.automl.loop import Plan
from pigeonhole.automl.pace import Pace
from pigeonhole.compute.job import Compute, Job, Outcome
from pigeonhole.compute.shares import memory_share
from pigeonhole.workflows.automl.ensembles import CHOOSE, MAKE
from pigeonhole.workflows.automl.fits import OF_STACK, fit_folder
from pigeonhole.workflows.automl.found import Found, Note
from pigeonhole.workflows.automl.jobs import events_of, fit_job, shared_arguments

_NAMES = {"vote": ("voting-ensemble", "VotingEnsemble"), "stack": ("stack-ensemble", "StackEnsemble")}
_LEAST_S = 1.5
# What is kept of the time for joining, once members of a stack are fitted again.
_TO_JOIN_S = 4.0


def with_ensembles(found: Found, plan: Plan, compute: Compute, budget: Budget, note: Note) -> Found:
    """The same with the ensembles that are wanted and that the time allows."""
    for method in [name for name in ("vote", "stack") if getattr(found.settings, name)]:
        key, name = _NAMES[method]
        note(f"making the {name}")
        try:
            row, members = _ensemble(found, plan, method, compute, budget)
        except KeyboardInterrupt:
            # What was made before stays, and may be the best.
            note("interrupted: the rest is left out")
            break
        found = replace(found, ensembles=(*found.ensembles, row), members={**found.members, key: members})
    return replace(found, members={key: members for key, members in found.members.items() if members})


def _ensemble(
    found: Found, plan: Plan, method: str, compute: Compute, budget: Budget
) -> tuple[LeaderboardRow, Mapping[str, Any]]:
    key, name = _NAMES[method]
    began_s = budget.now_s
    try:
        chosen = _chosen(found, plan, method, compute, budget)
        value = _value(compute, _job(found, MAKE, method, found.eligible, weights=chosen["weights"]), budget.end_left_s)
    except _NotMadeError as why:
        seconds = round(budget.now_s - began_s, 3)
        return _row(key, name, why.state, seconds=seconds, reason=str(why)), {}
    figures = {field_: value[field_] for field_ in ("score", "low", "high", "latency_ms", "size_bytes", "run_id")}
    told = {"members": value["members"], "score": value["score"], "best_individual_score": chosen["best_individual"]}
    seconds = round(budget.now_s - began_s, 3)
    return _row(key, name, "ok", seconds=seconds, images=len(found.own.rows), **figures), told


class _NotMadeError(Exception):
    """That there is no ensemble, why, and the state of its row."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state


def _chosen(found: Found, plan: Plan, method: str, compute: Compute, budget: Budget) -> dict[str, Any]:
    """Who is in it, with weights."""
    eligible = found.eligible
    if len(eligible) < 2:
        models = f"{len(eligible)} model{'' if len(eligible) == 1 else 's'} of all images"
        raise _NotMadeError("not-applicable", f"{models} to be joined; two at least make an ensemble")
    if budget.end_left_s < _LEAST_S:
        raise _NotMadeError("not-applicable", "the budget left no time for it")
    if method == "vote" or found.own.folds is not None:
        return _value(compute, _job(found, CHOOSE, method, eligible), budget.end_left_s)
    pace = Pace(plan.declared, found.tried)
    left_s = min(budget.left_s, budget.end_left_s) - _TO_JOIN_S
    affordable = [one for one in eligible if pace.of(one.fit.candidate, one.fit.images, exported=False) <= left_s]
    if len(affordable) < 2:
        raise _NotMadeError(
            "not-applicable",
            "its members are fitted a second time on 80% of the images, so that its score is honest, and there were"
            f" {max(0.0, left_s):.0f} s left for that; a larger budget, or n_cross_validations, brings it",
        )
    chosen = _value(compute, _job(found, CHOOSE, method, affordable), left_s)
    by_key = {one.fit.candidate.key: one for one in affordable}
    wanted = [by_key[key] for key in chosen["weights"]]
    refitted, errors = _refitted(found, plan, wanted, compute, budget)
    weights = {key: weight for key, weight in chosen["weights"].items() if key in refitted}
    if len(weights) < 2 and errors:
        raise _NotMadeError("failed", errors[0])
    if len(weights) < 2:
        raise _NotMadeError("stopped", "too few of its members were fitted a second time before the budget ended")
    return {**chosen, "weights": weights}


def _refitted(
    found: Found, plan: Plan, wanted: Sequence[Tried], compute: Compute, budget: Budget
) -> tuple[set[str], list[str]]:
    """The keys of those that were fitted a second time on 80% of the images, the most important first; and errors."""
    errors: list[str] = []
    every = shared_arguments(found.settings, found.own, found.folder, found.space)
    waiting = [replace(one.fit, part=REFIT) for one in wanted]
    done = {fit.candidate.key for fit in waiting if (fit_folder(found.folder, fit) / OF_STACK).is_file()}
    waiting = [fit for fit in waiting if fit.candidate.key not in done]
    keys = {fit.key: fit.candidate.key for fit in waiting}
    while waiting or compute.free < compute.slots:
        left_s = budget.end_left_s - _TO_JOIN_S
        while waiting and compute.free and left_s > 0:
            fit = waiting.pop(0)
            log = found.folder / "logs" / f"refit-{fit.candidate.key.replace('/', '-')}.log"
            job = fit_job(fit, left_s, every, log)
            compute.submit(replace(job, deadline_s=max(0.5, left_s), memory_bytes=plan.memory_bytes))
        if compute.free == compute.slots:
            break
        for event in events_of(compute, keys):
            if isinstance(event, Outcome) and event.state == "Completed":
                done.add(keys[event.key])
            elif isinstance(event, Outcome) and event.state not in {"TimedOut", "Canceled"}:
                errors.append(event.error or event.state)
    return done, errors


def _job(
    found: Found, function: str, method: str, eligible: Sequence[Tried], weights: Mapping[str, float] | None = None
) -> Job:
    members = [
        {
            "candidate": one.fit.candidate.key,
            "name": one.fit.candidate.name,
            "run_id": one.run_id,
            "score": found.score(one),
            "fit": {"candidate": one.fit.candidate.to_dict(), "images": one.fit.images, "part": one.fit.part},
        }
        for one in eligible
    ]
    arguments = {
        **shared_arguments(found.settings, found.own, found.folder, found.space),
        "method": method,
        "max_trials": found.settings.max_trials,
        "meta_learner": found.settings.meta_learner,
        "meta_learner_arguments": found.settings.meta_learner_arguments,
        "members": members,
        "weights": weights,
    }
    log = found.folder / "logs" / f"{method}.log"
    # It runs alone; without a limit of its own the system would end whatever process it likes best, the search too.
    return Job(f"ensemble/{method}", log, function, arguments, memory_bytes=memory_share(1))


def _value(compute: Compute, job: Job, left_s: float) -> dict[str, Any]:
    """What a job returns that is run to its end, or to the end of the time.

    Raises:
        _NotMadeError: it did not come to its end.
    """
    compute.submit(replace(job, deadline_s=max(0.5, left_s)))
    while True:
        for event in events_of(compute, [job.key]):
            if isinstance(event, Outcome) and event.key == job.key:
                if event.state == "Completed":
                    value: dict[str, Any] = event.value
                    return value
                if event.state in {"TimedOut", "Canceled"}:
                    raise _NotMadeError("stopped", "the time of the search was over")
                raise _NotMadeError("failed", event.error or event.state)


def _row(key: str, name: str, state: str, seconds: float = 0.0, **known: Any) -> LeaderboardRow:
    nothing = dict.fromkeys(("score", "low", "high", "images", "latency_ms", "size_bytes", "run_id", "reason"))
    return LeaderboardRow(candidate=key, name=name, state=state, seconds=seconds, **{**nothing, **known})
