"""What follows the fits of a search: ensembles, the choice of the best, the report. Each within what time is left.

Whatever takes long is a job that can be ended, so that the command is back in time with what stands already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import ALL, HOLD_OUT, Tried
from pigeonhole.automl.leaderboard import LeaderboardRow, best_row, history, ranked
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.compute.job import Compute, Job, Outcome
from pigeonhole.core.errors import BudgetError, GateError, TrainingError, listing
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl_data import SearchData
from pigeonhole.workflows.automl_fits import fit_folder
from pigeonhole.workflows.automl_outcome import AutomlOutcome

_MODULE = "pigeonhole.workflows.automl_ensembles"
_NAMES = {"vote": ("voting-ensemble", "VotingEnsemble"), "stack": ("stack-ensemble", "StackEnsemble")}
_LEAST_S = 1.5
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


def with_ensembles(found: Found, compute: Compute, budget: Budget, note: Note) -> Found:
    """The same with the ensembles that are wanted and that the time allows."""
    for method in [name for name in ("vote", "stack") if getattr(found.settings, name)]:
        key, name = _NAMES[method]
        note(f"making the {name}")
        row, members = _ensemble(found, method, compute, budget)
        found = replace(found, ensembles=(*found.ensembles, row), members={**found.members, **{key: members}})
    return replace(found, members={key: members for key, members in found.members.items() if members})


def _ensemble(found: Found, method: str, compute: Compute, budget: Budget) -> tuple[LeaderboardRow, Mapping[str, Any]]:
    key, name = _NAMES[method]
    left_s = budget.end_left_s
    why = _why_not(found, method, left_s)
    if why is not None:
        return _row(key, name, "not-applicable", reason=why), {}
    ended = _done(compute, _ensemble_job(found, method), left_s)
    seconds = round(ended.seconds, 3)
    if ended.state != "Completed":
        state = "stopped" if ended.state in {"TimedOut", "Canceled"} else "failed"
        reason = "the time of the search was over" if state == "stopped" else ended.error or ended.state
        return _row(key, name, state, seconds=seconds, reason=reason), {}
    value: dict[str, Any] = ended.value
    if value.get("reason"):
        return _row(key, name, "not-applicable", seconds=seconds, reason=value["reason"]), {}
    figures = {field_: value[field_] for field_ in ("score", "low", "high", "latency_ms", "size_bytes", "run_id")}
    members = {"members": value["members"], "score": value["score"], "best_individual_score": value["best_individual"]}
    return _row(key, name, "ok", seconds=seconds, images=len(found.own.rows), **figures), members


def _why_not(found: Found, method: str, left_s: float) -> str | None:
    if len(found.eligible) < 2:
        return f"{len(found.eligible)} model{'' if len(found.eligible) == 1 else 's'} of all images to be joined"
    if left_s < _LEAST_S:
        return "the budget left no time for it"
    if method == "stack" and found.own.folds is None and not _refits(found):
        return "its members would have to be fitted again on 80% of the images, and the budget left no time for that"
    return None


def _refits(found: Found) -> bool:  # noqa: ARG001 - see `automl_ensembles`
    """Whether members were fitted a second time, on the images that a stack's score may be told by."""
    return False


def _ensemble_job(found: Found, method: str) -> Job:
    members = [
        {
            "candidate": one.fit.candidate.key,
            "name": one.fit.candidate.name,
            "run_id": one.run_id,
            "score": one.score,
            "folder": str(fit_folder(found.folder, one.fit)),
            "fit": {"candidate": one.fit.candidate.to_dict(), "images": one.fit.images, "part": one.fit.part},
        }
        for one in found.eligible
    ]
    arguments = {
        "workspace": str(found.space.root),
        "dataset": found.own.source.ref,
        "folds": found.own.folds,
        "seed": found.own.seed,
        "search": found.folder.name,
        "folder": str(found.folder),
        "method": method,
        "metric": found.settings.primary_metric,
        "max_trials": found.settings.max_trials,
        "meta_learner": found.settings.meta_learner,
        "meta_learner_arguments": found.settings.meta_learner_arguments,
        "members": members,
    }
    return Job(f"ensemble/{method}", found.folder / "logs" / f"{method}.log", f"{_MODULE}:make", arguments)


def _done(compute: Compute, job: Job, left_s: float) -> Outcome:
    """Runs one job to its end, or to the end of the time."""
    compute.submit(replace(job, deadline_s=max(0.5, left_s)))
    while True:
        for event in compute.events(None):
            if isinstance(event, Outcome) and event.key == job.key:
                return event


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
    notes = [*settings.notes, *found.notes, *([f"the search ended before its time: {why}"] if why else [])]
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
        guardrails=(),
        history=tuple(history(found.tried)),
        notes=tuple(notes),
        folder=str(found.folder),
    )


def with_report(
    ended: AutomlOutcome,
    found: Found,  # noqa: ARG001
    compute: Compute,  # noqa: ARG001
    budget: Budget,  # noqa: ARG001
    note: Note,  # noqa: ARG001
) -> AutomlOutcome:
    """The same with its page, if there is time and what draws charts."""
    return ended


def _nothing(
    found: Found, every: Sequence[LeaderboardRow], status: str, budget: Budget
) -> BudgetError | TrainingError | GateError:
    exported = best_row(every)
    if exported is not None:
        fastest = min((row for row in every if row.latency_ms is not None), key=lambda row: row.latency_ms or 0.0)
        return GateError(
            f"search {found.folder.name}: none of its models keeps the limits of the choice;"
            f" the fastest is {fastest.name}, {fastest.latency_ms:.2f} ms and {(fastest.size_bytes or 0) / 1e6:.1f} MB",
            "limits that a model can keep",
            "raise choose.max_latency_ms or choose.max_size_mb; the same line then chooses again",
        )
    reasons = [f"{row.name}: {row.reason}" for row in every if row.state == "failed"]
    if reasons:
        return TrainingError(
            f"search {found.folder.name}: no candidate could be fitted\n{listing(reasons)}",
            "a candidate that runs to its end",
            f"correct what the reasons name; the logs are in {found.folder}",
        )
    return BudgetError(
        f"search {found.folder.name}: {'interrupted' if status == 'Canceled' else 'its time ran out'} after"
        f" {budget.now_s:.0f} s, before anything was fitted",
        "a budget with room for one fit at least",
        "give it more time; the same line then goes on",
    )
