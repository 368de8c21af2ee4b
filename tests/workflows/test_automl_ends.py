"""What is made of a search that has ended: the choice under limits, and what is said of what could not be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.automl.loop import Plan
from pigeonhole.automl.settings import AutomlSettings
from pigeonhole.compute.job import Event, Job
from pigeonhole.core.errors import GateError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl import jobs, joining
from pigeonhole.workflows.automl.ends import chosen_again
from pigeonhole.workflows.automl.found import Found
from pigeonhole.workflows.automl.outcome import AutomlOutcome
from tests.automl.searching import FakeCompute

SLOW = LeaderboardRow("svm-rbf", "PCA, SVM", "ok", 0.95, 0.93, 0.97, 2000, 1.5, 9.0, 100_000, "svm-1", None)
FAST = replace(SLOW, candidate="knn", name="PCA, KNN", score=0.9, latency_ms=0.5, size_bytes=900_000, run_id="knn-1")
KNOWN = AutomlOutcome(
    search="digits-0123",
    status="TimedOut",
    dataset="digits:1",
    primary_metric="accuracy",
    best=SLOW,
    leaderboard=(SLOW, FAST),
    seconds=9.0,
    budget_s=10.0,
    ensembles={},
    guardrails=(),
    history=(),
    notes=(),
    folder="automl/digits-0123",
)


def test_a_search_that_has_ended_is_chosen_from_again_under_other_limits():
    found = chosen_again(KNOWN, AutomlSettings(max_latency_ms=1.0))
    assert found.run_id == "knn-1"
    assert "PCA, SVM" in found.notes[0]
    assert chosen_again(KNOWN, AutomlSettings()) == KNOWN


def test_limits_that_nothing_keeps_are_told_with_what_there_is():
    with pytest.raises(
        GateError, match=r"the fastest is PCA, KNN, 0\.5 ms and 0\.9 MB; the smallest is PCA, SVM, 9 ms"
    ):
        chosen_again(KNOWN, AutomlSettings(max_latency_ms=1.0, max_size_bytes=200_000))


def test_an_ensemble_that_stands_stays_when_the_next_one_is_interrupted(monkeypatch: pytest.MonkeyPatch):
    made = replace(FAST, candidate="voting-ensemble", name="VotingEnsemble", run_id="vote-1")

    def ensemble(found: Found, plan: Plan, method: str, *_: Any) -> tuple[LeaderboardRow, dict[str, Any]]:
        if method == "stack":
            raise KeyboardInterrupt
        return made, {"members": []}

    monkeypatch.setattr(joining, "_ensemble", ensemble)
    nothing: Any = None
    found = Found(AutomlSettings(), nothing, Path(), nothing, [])
    notes: list[str] = []
    found = joining.with_ensembles(found, nothing, nothing, nothing, notes.append)
    assert (found.ensembles, list(found.members)) == ((made,), ["voting-ensemble"])
    assert notes[-1] == "interrupted: the rest is left out"


def test_an_ensemble_that_finds_no_memory_fails_and_the_search_goes_on(tmp_path: Path):
    own: Any = SimpleNamespace(source=SimpleNamespace(ref="digits:1"), folds=None, seed=0, stack_share=0.2)
    found = Found(AutomlSettings(), own, tmp_path, Workspace(tmp_path), [])
    job = joining._job(found, "module:function", "vote", [])
    assert 0 < (job.memory_bytes or 0) < psutil.virtual_memory().total
    compute: Any = FakeCompute(2, lambda key: (1.0, "OutOfMemory"))
    with pytest.raises(joining._NotMadeError, match="OutOfMemory") as why:
        joining._value(compute, job, 10.0)
    assert why.value.state == "failed"


def test_an_interruption_leaves_no_job_of_an_ensemble_behind():
    compute = _Interrupted(2, lambda key: (100.0, 0.9))
    compute.submit(Job("ensemble/vote", Path("log"), "module:function"))
    with pytest.raises(KeyboardInterrupt):
        jobs.events_of(compute, ["ensemble/vote"])
    assert compute.free == compute.slots


class _Interrupted(FakeCompute):
    """Ctrl-C comes while it is waited for the first time."""

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        if not self._canceled:
            raise KeyboardInterrupt
        return super().events(timeout_s)
