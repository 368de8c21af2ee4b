"""What follows the fits of a search: ensembles, the choice of the best, the report. Each within what time is left.

Whatever takes long is a job that can be ended, so that the command is back in time with what stands already.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import ALL, HOLD_OUT, REFIT, Fit, Tried
from pigeonhole.automl.guardrails import FILE as VERIFIER_RESULTS
from pigeonhole.automl.guardrails import count_duplicates, guardrails, verifier_results
from pigeonhole.automl.leaderboard import LeaderboardRow, best_row, history, ranked, rows
from pigeonhole.automl.loop import Plan
from pigeonhole.automl.pace import Pace
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.automl.settings.durations import shown
from pigeonhole.compute.job import Compute, Event, Job, Outcome
from pigeonhole.compute.shares import memory_share
from pigeonhole.core.errors import BudgetError, GateError, TrainingError, listing
from pigeonhole.core.files import write_json
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl_data import SearchData
from pigeonhole.workflows.automl_ensembles import CHOOSE, MAKE
from pigeonhole.workflows.automl_fits import FUNCTION, OF_STACK, fit_folder
from pigeonhole.workflows.automl_outcome import AutomlOutcome
from pigeonhole.workflows.automl_report import DRAW, FACTS, MIRROR

_NAMES = {"vote": ("voting-ensemble", "VotingEnsemble"), "stack": ("stack-ensemble", "StackEnsemble")}
_LEAST_S = 1.5
# What is kept of the time for joining, once members of a stack are fitted again.
_TO_JOIN_S = 4.0
# Comparing the hashes of a million images would take seconds.
_LOOKED_FOR_DUPLICATES = 200_000
_CALLED = {"report": "report", "mirror": "mirror of the best run in MLflow; `pigeonhole evaluate` makes it"}
Note = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What the fits brought, and what was made of it since.

    Attributes:
        settings: of the search.
        own: its data.
        folder: its own.
        space: the workspace.
        tried: the fits.
        ensembles: their rows.
        members: by the key of an ensemble, who is in it, and its scores.
        notes: what came up on the way.
    """

    settings: AutomlSettings
    own: SearchData
    folder: Path
    space: Workspace
    tried: Sequence[Tried]
    ensembles: tuple[LeaderboardRow, ...] = ()
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, settings: AutomlSettings, own: SearchData, folder: Path, space: Workspace, tried: Sequence[Tried]
    ) -> Found:
        """Before anything is made of the fits."""
        return cls(settings, own, folder, space, tried)

    @property
    def eligible(self) -> list[Tried]:
        """The fits of all images that have a bundle."""
        images = len(self.own.rows)
        part = HOLD_OUT if self.own.folds is None else ALL
        return [
            one for one in self.tried if one.is_ok and one.run_id and one.fit.images == images and one.fit.part == part
        ]

    def score(self, one: Tried) -> float:
        """The candidate's, over all its folds."""
        key = one.fit.candidate.key
        found = rows(self.tried, train_images=len(self.own.rows))
        return next(row.score or 0.0 for row in found if row.candidate == key)


def shared_arguments(settings: AutomlSettings, own: SearchData, folder: Path, space: Workspace) -> dict[str, Any]:
    """What every job of a search is given."""
    return {
        "workspace": str(space.root),
        "dataset": own.source.ref,
        "folds": own.folds,
        "seed": own.seed,
        "stack_share": own.stack_share,
        "folder": str(folder),
        "search": folder.name,
        "command": command(settings, own.source.ref),
        "metric": settings.primary_metric,
    }


def command(settings: AutomlSettings, dataset: str) -> str:
    """The line that makes the search again."""
    words = ["pigeonhole", "automl", dataset, "--budget", shown(settings.budget_s), "--seed", str(settings.seed)]
    words += ["--metric", settings.primary_metric]
    words += [] if settings.folds is None else ["--folds", str(settings.folds)]
    words += ["--allow", ",".join(sorted(settings.allowed))] if settings.allowed else []
    words += ["--block", ",".join(sorted(settings.blocked))] if settings.blocked else []
    return shlex.join(words)


def fit_job(fit: Fit, left_s: float, every: Mapping[str, Any], log: Path) -> Job:
    """The job of a fit that must have ended after `left_s`."""
    arguments = {**every, "candidate": fit.candidate.to_dict(), "images": fit.images, "part": fit.part}
    return Job(fit.key, log, FUNCTION, {**arguments, "left_s": left_s})


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
        for event in _events(compute, keys):
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
        for event in _events(compute, [job.key]):
            if isinstance(event, Outcome) and event.key == job.key:
                if event.state == "Completed":
                    value: dict[str, Any] = event.value
                    return value
                if event.state in {"TimedOut", "Canceled"}:
                    raise _NotMadeError("stopped", "the time of the search was over")
                raise _NotMadeError("failed", event.error or event.state)


def _events(compute: Compute, keys: Iterable[str]) -> Sequence[Event]:
    """What happens next; an interruption leaves none of these jobs behind."""
    try:
        return compute.events(None)
    except KeyboardInterrupt:
        for key in keys:
            compute.cancel(key)
        while compute.free < compute.slots:
            compute.events(None)
        raise


def _row(key: str, name: str, state: str, seconds: float = 0.0, **known: Any) -> LeaderboardRow:
    nothing = dict.fromkeys(("score", "low", "high", "images", "latency_ms", "size_bytes", "run_id", "reason"))
    return LeaderboardRow(candidate=key, name=name, state=state, seconds=seconds, **{**nothing, **known})


def outcome(
    found: Found, board: Sequence[LeaderboardRow], status: str, budget: Budget, why: str | None
) -> AutomlOutcome:
    """What became of the search.

    Raises:
        BudgetError: the time ran out before anything was fitted.
        TrainingError: nothing could be fitted.
        GateError: nothing keeps the limits of the choice.
    """
    settings = found.settings
    every = ranked([*board, *found.ensembles])
    best = best_row(every, settings.max_latency_ms, settings.max_size_bytes)
    if best is None:
        raise _nothing(found, every, status, budget)
    ahead = _not_exported(every, best)
    notes = [*settings.notes, *found.notes, *([f"the search ended before its time: {why}"] if why else []), *ahead]
    return AutomlOutcome(
        search=found.folder.name,
        status=status,
        dataset=found.own.source.ref,
        primary_metric=settings.primary_metric,
        best=best,
        leaderboard=tuple(every),
        seconds=round(budget.now_s, 3),
        budget_s=settings.budget_s,
        ensembles=found.members,
        guardrails=_guardrails(found),
        history=tuple(history(found.tried, len(found.own.rows))),
        notes=tuple(notes),
        folder=str(found.folder),
        ends=settings.ends,
    )


def _not_exported(every: Sequence[LeaderboardRow], best: LeaderboardRow) -> list[str]:
    """A sentence on those with a better score that cannot be the best, because they have no bundle."""
    ahead = [row for row in every[: every.index(best)] if row.run_id is None and row.score != best.score]
    if not ahead:
        return []
    more = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
    return [
        f"{ahead[0].name}{more} scored higher on a sample and cannot be the best without a bundle: of samples only what"
        " is clearly better is exported; with a larger budget the same line goes on"
    ]


def chosen_again(known: AutomlOutcome, settings: AutomlSettings) -> AutomlOutcome:
    """The outcome of a search that has ended, by the limits of the choice as they are now.

    Raises:
        GateError: nothing keeps them.
    """
    best = best_row(known.leaderboard, settings.max_latency_ms, settings.max_size_bytes)
    if best is None:
        raise _nothing_within_limits(known.search, known.leaderboard)
    if best == known.best:
        return known
    note = f"chosen again, by other limits; the report shows {known.best.name} as the best, as it was chosen then"
    return replace(known, best=best, notes=(*known.notes, note))


def _guardrails(found: Found) -> tuple[dict[str, Any], ...]:
    """What was looked at in the data, as Azure ML tells it; kept as its `verifier_results.json` too."""
    source = found.own.source
    classes = len(source.class_names)
    train, validation = source.rows("train"), source.rows("validation")
    duplicates = None
    if len(train) + len(validation) <= _LOOKED_FOR_DUPLICATES:
        digests = source.image_sha256
        parts = ((digests[row] for row in rows_N) for rows_N in (train, validation))
        duplicates = count_duplicates(*parts, folds=found.own.folds)
    results = guardrails(
        np.bincount(source.labels_N[train], minlength=classes).tolist(),
        np.bincount(source.labels_N[validation], minlength=classes).tolist(),
        folds=found.own.folds,
        class_names=source.class_names,
        duplicates=duplicates,
    )
    write_json(found.folder / VERIFIER_RESULTS, verifier_results(results))
    return results


def with_report(ended: AutomlOutcome, found: Found, compute: Compute, budget: Budget, note: Note) -> AutomlOutcome:
    """The same with its page, and its best run in MLflow, as far as there is time."""
    note("writing the report")
    write_json(found.folder / FACTS, {**ended.to_dict(), "settings": found.settings.to_dict()})
    every = shared_arguments(found.settings, found.own, found.folder, found.space)
    jobs = [
        Job("report", found.folder / "logs" / "report.log", DRAW, every),
        Job("mirror", found.folder / "logs" / "mirror.log", MIRROR, {**every, "run_id": ended.run_id}),
    ]
    outcomes = _all(compute, jobs, budget)
    notes = list(ended.notes)
    for job in jobs:
        if job.key not in outcomes:
            notes.append(f"no time was left for the {_CALLED[job.key]}")
        elif outcomes[job.key].state != "Completed":
            notes.append(f"the {_CALLED[job.key]} did not come about: {outcomes[job.key].error}")
    report = outcomes["report"].value if "report" in outcomes else None
    return replace(ended, report=report, notes=tuple(notes))


def _all(compute: Compute, jobs: Sequence[Job], budget: Budget) -> dict[str, Outcome]:
    """The outcomes of those jobs that came to their end in time."""
    waiting, found = list(jobs), dict[str, Outcome]()
    while waiting or compute.free < compute.slots:
        while waiting and compute.free and budget.last_left_s > _LEAST_S:
            compute.submit(replace(waiting.pop(0), deadline_s=budget.last_left_s))
        if compute.free == compute.slots:
            break
        for event in compute.events(None):
            if isinstance(event, Outcome) and event.state != "TimedOut":
                found[event.key] = event
    return found


def _nothing(
    found: Found, every: Sequence[LeaderboardRow], status: str, budget: Budget
) -> BudgetError | TrainingError | GateError:
    if best_row(every) is not None:
        return _nothing_within_limits(found.folder.name, every)
    reasons = [f"{row.name}: {(row.reason or '').partition(chr(10))[0]}" for row in every if row.state == "failed"]
    if reasons:
        return TrainingError(
            f"search {found.folder.name}: no candidate could be fitted\n{listing(reasons)}",
            "a candidate that runs to its end",
            f"correct what the reasons name; the logs are in {found.folder}",
        )
    if status == "Completed":
        reasons = [f"{row.name}: {row.reason}" for row in every if row.reason]
        return BudgetError(
            f"search {found.folder.name}: no candidate could be begun\n{listing(reasons)}",
            "a budget, and memory, for one candidate at least",
            "give it more time, or allow smaller models",
        )
    return BudgetError(
        f"search {found.folder.name}: {'interrupted' if status == 'Canceled' else 'its time ran out'} after"
        f" {budget.now_s:.0f} s, before anything was fitted",
        "a budget with room for one fit at least",
        "give it more time; the same line then goes on",
    )


def _nothing_within_limits(search: str, every: Sequence[LeaderboardRow]) -> GateError:
    exported = [row for row in every if row.run_id is not None and row.latency_ms is not None]
    fastest = min(exported, key=lambda row: row.latency_ms or 0.0)
    smallest = min(exported, key=lambda row: row.size_bytes or 0)
    return GateError(
        f"search {search}: none of its models keeps the limits of the choice; the fastest is {_measured(fastest)};"
        f" the smallest is {_measured(smallest)}",
        "limits that a model can keep",
        "raise choose.max_latency_ms or choose.max_size_mb; the same line then chooses again",
    )


def _measured(row: LeaderboardRow) -> str:
    return f"{row.name}, {row.latency_ms:.3g} ms and {(row.size_bytes or 0) / 1e6:.3g} MB"
