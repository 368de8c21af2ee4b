"""Fits in real processes that take more memory or time than they may: they fail, and the search goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import Tried
from pigeonhole.automl.leaderboard import rows
from pigeonhole.automl.loop import OVER, Ended, Search
from pigeonhole.automl.record import SearchRecord
from pigeonhole.compute import LocalCompute
from pigeonhole.compute.job import Job
from pigeonhole.core.database import Database
from tests.automl.hungry import FUNCTION, LIMIT_BYTES
from tests.automl.searching import FACTS, estimator, plan

ESTIMATORS = [estimator(preset) for preset in ("logistic-regression", "knn", "svm-rbf")]


class _Nobody:
    def on_fits(self, tried: Sequence[Tried], left_s: float) -> None:
        """Looks away."""


def _ended(folder: Path, budget_s: float, **bad: str) -> Ended:
    def job(one: Tried, left_s: float) -> Job:
        arguments = {"preset": one.fit.candidate.preset, **bad}
        return Job(one.fit.key, folder / f"{one.number}.log", FUNCTION, arguments)

    wanted = plan(estimators=ESTIMATORS, networks={}, facts=replace(FACTS, train_images=1_000))
    held: dict[str, Any] = {**vars(wanted), "memory_bytes": LIMIT_BYTES}
    record = SearchRecord(Database(f"sqlite:///{folder / 'records.db'}"), "s")
    with LocalCompute(2, grace_s=1.0) as compute:
        return Search(type(wanted)(**held), record, compute, job, Budget(budget_s), _Nobody()).run()


def test_one_that_is_killed_for_memory_fails_and_says_so_and_the_search_goes_on(tmp_path: Path) -> None:
    ended = _ended(tmp_path, 120.0, hungry="knn")
    states = {row.candidate: row for row in rows(ended.tried)}
    assert states["knn"].state == "failed"
    assert "memory" in str(states["knn"].reason)
    assert {states[key].state for key in ("logistic-regression", "svm-rbf")} == {"ok"}
    assert not ended.used_up
    assert SearchRecord(Database(f"sqlite:///{tmp_path / 'records.db'}"), "s").fits() == ended.tried


@pytest.mark.full
def test_one_that_hears_nothing_is_ended_in_time_with_the_best_so_far(tmp_path: Path) -> None:
    ended = _ended(tmp_path, 8.0, deaf="knn")
    states = {one.fit.candidate.key: (one.state, one.reason) for one in ended.tried}
    assert states["knn"] == ("stopped", OVER)
    assert states["logistic-regression"] == ("ok", None)
    assert not [child for child in psutil.Process().children(recursive=True) if "compute" in " ".join(child.cmdline())]
