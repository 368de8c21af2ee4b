"""SIGKILL of a whole search of real fits, twenty times, and Ctrl-C: the same line goes on, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pigeonhole as ph
from pigeonhole import bundle, tracking
from pigeonhole.automl.fits import Tried
from pigeonhole.automl.record import SearchRecord
from pigeonhole.core.workspace import Workspace

from .automl_data import blots
from .automl_lines import Line, assert_gone, below

KILLS, A_SEARCH = 20, 5
FITS = 6
ALLOWED = "LogisticRegression,KNN,GaussianNaiveBayes,LinearSVM"
# What is lost of the clock at a kill: a second between two notes, and what an ensemble had taken.
LOST_S = 5.0


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / ".pigeonhole")
    blots(tmp_path, made)
    return made


def line(space: Workspace, seed: int, *words: str) -> Line:
    """A search that so many trials end, on a machine of any speed."""
    # The ensembles are two of them.
    trials = ("--set", f"limits.max_trials={FITS + 2}", "--budget", "20m")
    return Line(space, ["blots", "--seed", str(seed), "--allow", ALLOWED, *(words or trials)])


def records(space: Workspace) -> list[SearchRecord]:
    """Of all searches that have begun, the newest last."""
    folder = space.folder("automl")
    begun = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_ctime_ns)
    return [SearchRecord(space.database, path.name) for path in begun]


def finished(record: SearchRecord, space: Workspace) -> dict[int, tuple[Tried, int]]:
    """Each fit that has ended, with when its probabilities were written."""
    found = {}
    for one in record.fits():
        if one.is_ok:
            folder = space.folder("automl") / record.name / "fits" / one.fit.candidate.key
            probs = folder / f"{one.fit.images}-hold-out" / "held_out_probs.npy"
            found[one.number] = (one, probs.stat().st_mtime_ns)
    return found


def check_outcome(space: Workspace, outcome: dict[str, Any]) -> None:
    """Complete, of one run a candidate, and its best verified and ready to be evaluated."""
    assert outcome["counts"].keys() <= {"ok", "not-applicable"}
    assert outcome["counts"]["ok"] == FITS + 2
    runs = tracking.Runs(space).list()
    of_search = [run for run in runs if str(run.record["trial"]).startswith(f"{outcome['search']}/")]
    assert set(Counter(run.record["trial"] for run in of_search).values()) == {1}
    assert {run.status for run in of_search} == {"Completed"}
    best = tracking.Runs(space).get(outcome["run_id"])
    bundle.load(best.bundle).check_probe()
    assert best.metrics["verified_images"] > 0


@pytest.mark.full
def test_a_search_killed_twenty_times_goes_on_and_fits_nothing_twice(space: Workspace) -> None:
    begin_s = time.monotonic()
    check_outcome(space, line(space, 0).finish())
    duration_s = time.monotonic() - begin_s
    dice = random.Random(26)
    kills = seed = 0
    while kills < KILLS:
        seed += 1
        own, known, consumed_s = line(space, seed), dict[int, tuple[Tried, int]](), 0.0
        for _ in range(A_SEARCH):
            kills += own.killed(dice.uniform(0.3, duration_s))
            record = records(space)[-1]
            now = finished(record, space)
            assert known.items() <= now.items()
            assert record.consumed_s >= consumed_s
            known, consumed_s = now, record.consumed_s
        outcome = own.finish()
        record = SearchRecord(space.database, outcome["search"])
        assert known.items() <= finished(record, space).items()
        assert len(record.fits()) == FITS
        assert consumed_s <= outcome["seconds"] <= outcome["budget_s"]
        check_outcome(space, outcome)
    assert ph.dataset("blots", workspace=space).test_looks() == []
    assert ph.evaluate(outcome["run_id"], workspace=space).accuracy.value > 1 / 3


@pytest.mark.full
def test_what_was_killed_has_only_the_rest_of_its_budget(space: Workspace) -> None:
    budget_s = 30.0
    # Nothing but time ends it.
    own = line(space, 1, "--budget", f"{budget_s:g}s", "--set", "limits.enable_early_termination=false")
    for after_s in (6.0, 9.0, 7.0):
        before_s = records(space)[-1].consumed_s if space.folder("automl").is_dir() and records(space) else 0.0
        assert own.killed(after_s, of_search=True)
        assert records(space)[-1].consumed_s - before_s >= after_s - LOST_S
    consumed_s = records(space)[-1].consumed_s
    outcome = own.finish()
    # What had gone by counts.
    assert outcome["seconds"] > consumed_s
    assert tracking.Runs(space).get(outcome["run_id"]).metrics["verified_images"] > 0


@pytest.mark.full
def test_ctrl_c_gives_the_best_so_far_and_the_same_line_goes_on(space: Workspace) -> None:
    own = line(space, 2)
    with own.start() as process:
        assert process.stderr is not None
        for told in process.stderr:
            if told.startswith(b"best so far:"):
                break
        children = below(process)
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        said, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest.decode()
    assert_gone(children)
    outcome = json.loads(said)
    assert outcome["status"] == "Canceled"
    assert "running" not in outcome["counts"]
    bundle.load(tracking.Runs(space).get(outcome["run_id"]).bundle).check_probe()
    before = finished(SearchRecord(space.database, outcome["search"]), space)
    assert before
    further = own.finish()
    assert further["search"] == outcome["search"]
    assert before.items() <= finished(SearchRecord(space.database, outcome["search"]), space).items()
    check_outcome(space, further)
