"""What became of a search: its best by the limits of the choice, what was looked at in the data, and its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.guardrails import FILE as VERIFIER_RESULTS
from pigeonhole.automl.guardrails import count_duplicates, guardrails, verifier_results
from pigeonhole.automl.leaderboard import LeaderboardRow, best_row, history, ranked
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.compute.job import Compute, Job, Outcome
from pigeonhole.core.errors import BudgetError, GateError, TrainingError, listing
from pigeonhole.core.files import write_json
from pigeonhole.workflows.automl.found import Found, Note
from pigeonhole.workflows.automl.jobs import shared_arguments
from pigeonhole.workflows.automl.outcome import AutomlOutcome
from pigeonhole.workflows.automl.report import DRAW, FACTS, MIRROR

_LEAST_S = 1.5
# Comparing the hashes of a million images would take seconds.
_LOOKED_FOR_DUPLICATES = 200_000
_CALLED = {"report": "report", "mirror": "mirror of the best run in MLflow; `pigeonhole evaluate` makes it"}


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
