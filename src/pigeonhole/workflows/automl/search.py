"""`automl`: a dataset and a budget in, the best model that was found a verified run like any other.

The search itself is `automl.loop`'s; here it is put together, and its gates are kept.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pigeonhole import data, models
from pigeonhole.automl.budget import Budget
from pigeonhole.automl.candidates import Candidate, estimators, networks
from pigeonhole.automl.fits import Tried
from pigeonhole.automl.leaderboard import LeaderboardRow, rows
from pigeonhole.automl.loop import INTERRUPTED, Ended, JobOfFit, Plan, Search
from pigeonhole.automl.record import SearchRecord
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.automl.situation import Epochs
from pigeonhole.compute import LocalCompute
from pigeonhole.compute.interruptible import Interruptible
from pigeonhole.compute.job import Job
from pigeonhole.compute.shares import allowed_cores, memory_share
from pigeonhole.core.errors import BudgetError
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace
from pigeonhole.models.classical.catalogue import ESTIMATORS
from pigeonhole.models.classical.naming import display_name
from pigeonhole.models.costs import Cost, estimate
from pigeonhole.models.spec import Scalar
from pigeonhole.sweep.naming import sweep_name
from pigeonhole.workflows.automl import ends, jobs, joining
from pigeonhole.workflows.automl.data import SearchData
from pigeonhole.workflows.automl.found import Found
from pigeonhole.workflows.automl.outcome import AutomlOutcome, read_outcome

SEARCHES = "automl"
# A job is asked to end, and then made to: the promise leaves no more.
_JOB_GRACE_S = 1.0
_NO_TIME = "the budget left no time for it"
# Of the budget, the second fits of a stack's members, where there are no folds to tell its score by.
_FOR_A_STACK = 0.08
_LEAST_FOR_A_STACK_S = 15.0


class AutomlView(Protocol):
    """Whoever watches a search: a terminal, a notebook, nobody."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Name, dataset, metric, budget and what the settings' reader should know (`notes`), before the first fit."""

    def on_rows(self, rows: Sequence[LeaderboardRow], left_s: float) -> None:
        """Something happened, or a second went by; the best first, and the seconds left of the budget."""

    def on_note(self, text: str) -> None:
        """What is being done now."""


class Unwatched:
    """Nobody."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Nothing is shown."""

    def on_rows(self, rows: Sequence[LeaderboardRow], left_s: float) -> None:
        """Nothing is shown."""

    def on_note(self, text: str) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class _Made:
    """A search, put together."""

    space: Workspace
    settings: AutomlSettings
    own: SearchData
    folder: Path
    plan: Plan

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def dataset(self) -> str:
        return self.own.source.ref


def automl(
    dataset: str | None = None,
    *,
    settings: AutomlSettings,
    workspace: Workspace | str | Path | None = None,
    view: AutomlView | None = None,
    age_s: float = 0.0,
) -> AutomlOutcome:
    """The outcome of a search. The same call goes on with one that was interrupted, within what is left of its budget.

    Args:
        dataset: `NAME` or `NAME:VERSION`; `None` takes what the settings say.
        settings: what is wanted.
        workspace: where the dataset is and the runs go.
        view: told of every change.
        age_s: seconds that the command has been running before this call; they count.

    Raises:
        SpecError: the settings do not fit the dataset.
        NotFoundError: there is no such dataset.
        ConflictError: another process runs this very search.
        BudgetError: the time ran out before anything was fitted, or nothing keeps the limits of the choice.
        TrainingError: nothing could be fitted.
    """
    began_s = time.monotonic()
    view = view or Unwatched()
    space = Workspace.find(workspace)
    made = _made(space, dataset, settings)
    with exclusive(made.folder / "lock", f"the search {made.name}"):
        record = SearchRecord(space.database, made.name)
        known = _known(made, record)
        if known is not None:
            return known
        # Opening the dataset and waiting for the disk count too.
        budget = Budget(made.settings.budget_s, record.consumed_s, age_s + time.monotonic() - began_s)
        view.on_start(_facts(made, budget))
        outcome = _run(made, record, budget, view)
        outcome.save(made.folder)
        record.note(outcome.seconds, outcome.status)
        return outcome


def _made(space: Workspace, dataset: str | None, settings: AutomlSettings) -> _Made:
    source = data.open_dataset(space, dataset or settings.dataset or "")
    learnable = np.concatenate([source.train.labels_N, source.validation.labels_N])
    counts = np.bincount(learnable, minlength=len(source.class_names))
    settings = settings.for_images(len(learnable), int(counts.min()), len(source.validation))
    settings = settings.for_cores(len(allowed_cores()))
    own = SearchData(source, settings.folds, settings.seed, settings.meta_learner_share)
    own.check_metric(settings.primary_metric)
    searches = space.folder(SEARCHES)
    folder = searches / sweep_name(searches, settings.name or source.name, settings.identity(source.sha256))
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    return _Made(space, settings, own, folder, _plan(settings, own))


def _plan(settings: AutomlSettings, own: SearchData) -> Plan:
    cores = len(allowed_cores())
    # A fit has one thread: more of them than cores would only share their time and memory.
    slots = min(settings.concurrent or cores, cores)
    facts = own.facts(slots)
    known = set(models.presets.names())
    asked = sorted(known & (settings.allowed or frozenset()))
    named = {kind: [key for key in asked if models.presets.get(key).kind == kind] for kind in ("network", "estimator")}

    def wanted(preset: str) -> bool:
        return preset in known and settings.allows(preset)

    nets = networks(wanted, named["network"])

    @cache
    def cost(preset: str, values: tuple[tuple[str, Scalar], ...], images: int) -> Cost:
        return estimate(
            models.resolve(preset, dict(values)),
            images=images,
            shape_HWC=facts.shape_HWC,
            classes=facts.classes,
            predicted=facts.held_out_images,
        )

    def declared(candidate: Candidate, images: int) -> Cost:
        return cost(candidate.preset, tuple(candidate.settings.items()), images)

    def name_of(preset: str, values: Mapping[str, Scalar]) -> str:
        return display_name(models.resolve(preset, values))

    found = list(estimators(wanted, name_of, settings.featurization, named["estimator"]))
    return Plan(
        facts=facts,
        estimators=found,
        networks=nets,
        epochs={preset: Epochs(_default_epochs(preset)) for preset in nets},
        limits={preset: limits_of(preset) for preset in {candidate.preset for candidate in found}},
        declared=declared,
        memory_bytes=memory_share(slots),
        early_termination=settings.early_termination,
        exit_score=settings.exit_score,
        max_trials=_candidates_at_most(settings),
        trial_timeout_s=settings.trial_timeout_s,
        set_aside=_FOR_A_STACK if _can_stack(settings) else 0.0,
    )


def _can_stack(settings: AutomlSettings) -> bool:
    """Whether a stack that needs second fits is wanted, and its share of the budget long enough for some."""
    return settings.stack and settings.folds is None and _FOR_A_STACK * settings.budget_s >= _LEAST_FOR_A_STACK_S


def _candidates_at_most(settings: AutomlSettings) -> int | None:
    """Without the ensembles, which are trials too."""
    return None if settings.max_trials is None else max(1, settings.max_trials - settings.vote - settings.stack)


def _default_epochs(preset: str) -> int | None:
    default = models.presets.get(preset).defaults.get("epochs")
    return default if isinstance(default, int) else None


def limits_of(preset: str) -> dict[str, tuple[float | None, Scalar, float | None]]:
    """Of the numbers that any candidate of the preset takes: components are the scaler's in some only."""
    return {
        one.name: (one.low, one.default, one.high)
        for one in models.presets.get(preset).parameters
        if isinstance(one.default, int | float) and not isinstance(one.default, bool) and one.choices is None
        if one.name != "pca_components" or ESTIMATORS[preset].own_components
    }


def _known(made: _Made, record: SearchRecord) -> AutomlOutcome | None:
    """What a search that has ended brought, unless there is time now, and a reason, to go on with it."""
    known = read_outcome(made.folder)
    if known is None or record.status not in {"Completed", "TimedOut"}:
        return None
    settings = made.settings
    more_time = settings.budget_s > max(known.budget_s, record.consumed_s)
    ended_early = record.status == "Completed" and settings.budget_s > record.consumed_s
    if more_time or (ended_early and settings.ends != known.ends):
        return None
    return ends.chosen_again(known, settings)


def _facts(made: _Made, budget: Budget) -> dict[str, Any]:
    return {
        "search": made.name,
        "dataset": made.dataset,
        "primary_metric": made.settings.primary_metric,
        "budget_s": made.settings.budget_s,
        "consumed_s": budget.consumed_s,
        "folds": made.settings.folds,
        "candidates": len(made.plan.estimators) + len(made.plan.networks),
        "concurrent": made.plan.facts.slots,
        "notes": list(made.settings.notes),
        "folder": str(made.folder),
    }


def _run(made: _Made, record: SearchRecord, budget: Budget, view: AutomlView) -> AutomlOutcome:
    canceled = False

    def note(text: str) -> None:
        # What follows the fits counts after a kill, too.
        record.note(budget.now_s)
        view.on_note(text)

    # A Ctrl-C between a fit's record and its job would leave one that nothing ends.
    with Interruptible(LocalCompute(made.plan.facts.slots, grace_s=_JOB_GRACE_S)) as compute:
        search = Search(made.plan, record, compute, _jobs(made), budget, _Rows(view, made.plan.facts.train_images))
        try:
            ended = search.run()
        except KeyboardInterrupt:
            canceled = True
            view.on_note("interrupted: what was found so far is kept")
            search.stop(INTERRUPTED)
            ended = Ended(search.tried, INTERRUPTED, used_up=False)
        found = Found.of(made.settings, made.own, made.folder, made.space, ended.tried)
        if not canceled:
            with _interruptible(view):
                found = joining.with_ensembles(found, made.plan, compute, budget, note)
        status = "Canceled" if canceled else "TimedOut" if ended.used_up else "Completed"
        board = _board(made, ended, canceled)
        try:
            outcome = ends.outcome(found, board, status, budget, ended.why)
        except BudgetError:
            if canceled:
                raise KeyboardInterrupt from None
            raise
        # Nothing fitted into what was left, and would into more.
        if status == "Completed" and any(row.reason == _NO_TIME for row in board):
            outcome = replace(outcome, status="TimedOut")
        if not canceled:
            with _interruptible(view):
                outcome = ends.with_report(outcome, found, compute, budget, note)
    return replace(outcome, seconds=round(budget.now_s, 3))


@contextlib.contextmanager
def _interruptible(view: AutomlView) -> Iterator[None]:
    """What can be left out is left out at a Ctrl-C; the best model stands already."""
    try:
        yield
    except KeyboardInterrupt:
        view.on_note("interrupted: the rest is left out")


def _jobs(made: _Made) -> JobOfFit:
    every = jobs.shared_arguments(made.settings, made.own, made.folder, made.space)

    def job(one: Tried, left_s: float) -> Job:
        return jobs.fit_job(one.fit, left_s, every, made.folder / "logs" / f"fit-{one.number:04}.log")

    return job


def _board(made: _Made, ended: Ended, canceled: bool) -> list[LeaderboardRow]:
    waiting = [
        *made.plan.estimators,
        *(Candidate(preset, preset, "network", preset) for preset in made.plan.networks),
    ]
    return rows(ended.tried, waiting, _why_not_tried(made, ended, canceled), made.plan.facts.train_images)


def _why_not_tried(made: _Made, ended: Ended, canceled: bool) -> str:
    if canceled:
        return "the search was interrupted before its turn"
    if ended.why is not None:
        return f"the search ended before its turn: {ended.why}"
    most = made.plan.max_trials
    if most is not None and len({one.fit.candidate.key for one in ended.tried}) >= most:
        return f"max_trials, {made.settings.max_trials} with the ensembles, left none for it"
    return _NO_TIME


class _Rows:
    """Passes fits on as rows of a leaderboard."""

    def __init__(self, view: AutomlView, train_images: int) -> None:
        self._view, self._train_images = view, train_images

    def on_fits(self, tried: Sequence[Tried], left_s: float) -> None:
        self._view.on_rows(rows(tried, train_images=self._train_images), left_s)
