"""A search keeps to its time, writes everything down, and goes on after a kill; on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pigeonhole.automl.budget import Budget
from pigeonhole.automl.fits import ALL, Tried
from pigeonhole.automl.loop import INTERRUPTED, OVER, Ended, Search
from pigeonhole.automl.record import SearchRecord
from pigeonhole.automl.situation import Epochs
from pigeonhole.compute.job import Job
from pigeonhole.core.database import Database
from tests.automl.searching import FACTS, NETWORKS, FakeCompute, plan


class _Seen:
    def __init__(self) -> None:
        self.states: list[list[str]] = []

    def on_fits(self, tried: Sequence[Tried], left_s: float) -> None:
        self.states.append([one.state for one in tried])


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'records.db'}")


def _search(
    database: Database, compute: FakeCompute, budget_s: float, consumed_s: float = 0.0, **settings: Any
) -> Search:
    def job(one: Tried, left_s: float) -> Job:
        return Job(one.fit.key, Path("log"), "module:function", {"left_s": left_s})

    budget = Budget(budget_s, consumed_s, clock=compute.clock)
    return Search(plan(**settings), SearchRecord(database, "s"), compute, job, budget, _Seen())  # type: ignore[arg-type]


def _as_declared(key: str) -> tuple[float, float | str]:
    """Seconds as they were declared, and a score that grows with the images."""
    images = int(key.split("/")[1])
    return max(0.5, images * 2e-4), 0.9 + images / 1_000_000


def _run(database: Database, compute: FakeCompute, budget_s: float, **settings: Any) -> Ended:
    return _search(database, compute, budget_s, **settings).run()


@pytest.mark.parametrize("budget_s", [5.0, 20.0, 60.0, 300.0])
def test_fits_end_within_the_budget(database: Database, budget_s: float):
    compute = FakeCompute(2, _as_declared)
    ended = _run(database, compute, budget_s)
    assert compute.now_s <= budget_s
    assert any(one.is_ok and one.run_id for one in ended.tried)
    assert not any(one.is_running for one in ended.tried)


def test_fits_that_take_ten_times_as_long_as_declared_are_cut_in_time(database: Database):
    compute = FakeCompute(2, lambda key: (10 * _as_declared(key)[0], 0.9))
    ended = _run(database, compute, 60.0)
    assert compute.now_s <= 60.0
    assert all(one.reason for one in ended.tried if one.state == "stopped")


def test_a_first_model_is_waited_for_into_the_grace_but_no_longer(database: Database):
    compute = FakeCompute(2, lambda key: (9.0, 0.9))
    ended = _run(database, compute, 3.0)
    assert [one.state for one in ended.tried].count("ok") >= 1
    assert 9.0 <= compute.now_s <= 3.0 + 15.0
    slow = FakeCompute(2, lambda key: (100.0, 0.9))
    never = _search(Database(database.url), slow, 3.0)
    never.record = SearchRecord(database, "slow")
    never.tried = []
    assert not any(one.is_ok for one in never.run().tried)
    assert slow.now_s < 3.0 + 15.0


def test_what_is_killed_for_memory_fails_and_the_search_goes_on(database: Database):
    def result(key: str) -> tuple[float, float | str]:
        return (1.0, "OutOfMemory") if key.startswith("knn/") else _as_declared(key)

    ended = _run(database, FakeCompute(2, result), 100.0)
    states = {one.fit.candidate.key: one.state for one in ended.tried}
    assert states["knn"] == "failed"
    assert states["svm-rbf"] == "ok"


def test_what_memory_cannot_hold_is_not_begun(database: Database):
    compute = FakeCompute(2, _as_declared)
    search = _search(database, compute, 100.0)
    search.plan = plan(networks={})
    object.__setattr__(search.plan, "memory_bytes", 10**7)
    ended = search.run()
    assert not compute.submitted
    assert {one.state for one in ended.tried} == {"not-applicable"}
    assert "0.1 GB of memory" in str(ended.tried[0].reason)


def test_a_lost_process_is_tried_again_but_not_for_ever(database: Database):
    compute = FakeCompute(2, lambda key: (0.5, "Lost") if key.startswith("knn/") else _as_declared(key))
    ended = _run(database, compute, 60.0)
    assert [job.key for job in compute.submitted].count("knn/2000/hold-out") == 3
    assert next(one.state for one in ended.tried if one.fit.candidate.key == "knn") == "failed"


def test_an_exit_score_ends_the_search(database: Database):
    compute = FakeCompute(2, _as_declared)
    ended = _run(database, compute, 600.0, exit_score=0.94)
    assert ended.why is not None
    assert "exit_score" in ended.why
    assert compute.now_s < 100


@pytest.mark.parametrize("networks", [{}, NETWORKS])
def test_max_trials_are_begun_and_no_more_and_brought_to_all_images(database: Database, networks: Mapping[str, Epochs]):
    compute = FakeCompute(2, _as_declared)
    ended = _run(database, compute, 600.0, max_trials=3, networks=networks)
    assert len({one.fit.candidate.key for one in ended.tried}) == 3
    on_all = {one.fit.candidate.key for one in ended.tried if one.is_ok and one.fit.images == FACTS.train_images}
    assert len(on_all) == 3 if not networks else on_all


FOLDED = replace(FACTS, folds=5)


def test_with_folds_a_trial_is_a_candidate_not_a_fold(database: Database):
    ended = _run(database, FakeCompute(2, _as_declared), 600.0, max_trials=2, networks={}, facts=FOLDED)
    whole = [one for one in ended.tried if one.fit.part == ALL and one.is_ok]
    assert len(whole) == 2
    assert all(one.run_id for one in whole)


def test_one_lucky_fold_ends_no_search(database: Database):
    def result(key: str) -> tuple[float, float | str]:
        return 0.5, 0.99 if key.endswith("fold 1/5") else 0.9

    ended = _run(database, FakeCompute(2, result), 600.0, exit_score=0.95, networks={}, facts=FOLDED)
    assert ended.why is None or "exit_score" not in ended.why
    good = _search(Database(database.url), FakeCompute(2, lambda key: (0.5, 0.96)), 600.0, **_folded(exit_score=0.95))
    good.record, good.tried = SearchRecord(database, "good"), []
    found = good.run()
    assert "exit_score" in str(found.why)
    assert any(one.fit.part == ALL and one.run_id for one in found.tried)


def _folded(**settings: Any) -> dict[str, Any]:
    return {"networks": {}, "facts": FOLDED, **settings}


def test_what_waits_for_its_turn_again_is_not_left_as_running(database: Database):
    compute = FakeCompute(2, _as_declared)
    search = _search(database, compute, 100.0)
    search._start_what_can()
    late = _search(database, FakeCompute(2, _as_declared), 100.0, consumed_s=120.0)
    assert {one.state for one in late.run().tried} == {"stopped"}
    assert {one.state for one in late.record.fits()} == {"stopped"}
    more = FakeCompute(2, _as_declared)
    _search(database, more, 300.0, consumed_s=120.0).run()
    assert [job.key for job in more.submitted[:2]] == [one.fit.key for one in search.tried]


def test_what_an_exit_score_cut_goes_on_when_it_is_raised(database: Database):
    def result(key: str) -> tuple[float, float | str]:
        return (0.5, 0.99) if key.startswith("logistic") else (300.0, 0.9)

    ended = _run(database, FakeCompute(2, result), 600.0, exit_score=0.9, networks={})
    cut = [one.fit.key for one in ended.tried if one.state == "stopped"]
    assert cut
    again = FakeCompute(2, _as_declared)
    _search(database, again, 600.0, consumed_s=5.0, networks={}).run()
    assert [job.key for job in again.submitted[: len(cut)]] == cut


def test_a_network_plans_for_the_end_of_the_fits_not_for_the_grace_of_a_first_model(database: Database):
    compute = FakeCompute(2, _as_declared)
    search = _search(database, compute, 20.0)
    search._start_what_can()
    told = compute.submitted[0].arguments["left_s"]
    deadline_s = compute.submitted[0].deadline_s
    assert deadline_s is not None
    assert told < 20.0 < deadline_s


def test_an_interrupted_search_goes_on_where_it_was(database: Database):
    compute = FakeCompute(2, _as_declared)
    search = _search(database, compute, 100.0)
    search._start_what_can()
    search.stop(INTERRUPTED)
    assert {one.state for one in search.tried} == {"stopped"}
    again = FakeCompute(2, _as_declared)
    ended = _search(database, again, 100.0, consumed_s=1.0).run()
    cut = [one.fit.key for one in search.tried]
    assert [job.key for job in again.submitted[: len(cut)]] == cut
    assert all(one.is_ok for one in ended.tried[: len(cut)])


def test_an_interruption_between_a_fits_record_and_its_job_leaves_nothing_running(database: Database):
    def interrupted(one: Tried, left_s: float) -> Job:
        raise KeyboardInterrupt

    search = _search(database, FakeCompute(2, _as_declared), 100.0)
    search.job_of_fit = interrupted
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert any(one.is_running for one in search.record.fits())
    search.stop(INTERRUPTED)
    assert {one.state for one in search.record.fits()} == {"stopped"}
    again = FakeCompute(2, _as_declared)
    _search(database, again, 100.0, consumed_s=1.0).run()
    assert again.submitted[0].key == search.tried[0].fit.key


def test_a_killed_search_fits_nothing_twice_that_had_ended(database: Database):
    compute = FakeCompute(2, _as_declared)
    search = _search(database, compute, 100.0)
    for _ in range(6):
        search._start_what_can()
        for event in compute.events(1.0):
            search._take(event)
    done = {one.fit.key for one in search.tried if one.is_ok}
    assert done
    again = FakeCompute(2, _as_declared)
    ended = _search(database, again, 100.0, consumed_s=compute.now_s).run()
    assert not done & {job.key for job in again.submitted}
    assert {one.fit.key for one in ended.tried} >= done


def test_samples_are_exported_only_where_they_are_much_better(database: Database):
    compute = FakeCompute(2, _as_declared)
    ended = _run(database, compute, 100.0, networks={})
    on_samples = [one for one in ended.tried if one.fit.images == 2_000]
    assert [one.run_id is not None for one in on_samples] == [True, *[False] * (len(on_samples) - 1)]


def test_no_better_score_for_long_ends_the_search(database: Database):
    compute = FakeCompute(2, lambda key: (0.1, 0.9))
    ended = _run(database, compute, 100_000.0)
    assert ended.why is None or "did not change" in ended.why


def test_what_a_kill_cut_and_no_time_is_left_for_is_stopped_and_goes_on_with_more(database: Database):
    compute = FakeCompute(2, _as_declared)
    killed = _search(database, compute, 60.0)
    killed._start_what_can()
    cut = [one.fit.key for one in killed.tried]
    over = _search(database, FakeCompute(2, _as_declared), 60.0, consumed_s=80.0).run()
    assert [(one.state, one.reason) for one in over.tried] == [("stopped", OVER)] * len(cut)
    again = FakeCompute(2, _as_declared)
    _search(database, again, 600.0, consumed_s=80.0).run()
    assert [job.key for job in again.submitted[: len(cut)]] == cut
