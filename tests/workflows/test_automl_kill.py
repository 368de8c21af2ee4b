"""SIGKILL of a search of real fits, twenty times, and Ctrl-C: the same line goes on, and nothing is done twice."""

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

Finished = dict[int, tuple[Tried, int]]
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


def begun(space: Workspace) -> set[str]:
    """The names of all searches that have begun."""
    return {path.name for path in space.folder("automl").iterdir() if path.is_dir()}


def finished(space: Workspace, name: str) -> Finished:
    """Each fit of a search that has ended, with when its probabilities were written."""
    found = {}
    for one in SearchRecord(space.database, name).fits():
        if one.is_ok:
            folder = space.folder("automl") / name / "fits" / one.fit.candidate.key
            probs = folder / f"{one.fit.images}-hold-out" / "held_out_probs.npy"
            found[one.number] = (one, probs.stat().st_mtime_ns)
    return found


def assert_kept(before: Finished, now: Finished) -> None:
    """Nothing that had ended was fitted again."""
    assert {number: now.get(number) for number in before} == before


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
        own, known, consumed_s, others = line(space, seed), Finished(), 0.0, begun(space)
        for _ in range(A_SEARCH):
            kills += own.killed(dice.uniform(0.3, duration_s))
            # None where the kill came before the search had a name.
            for name in begun(space) - others:
                now, then_s = finished(space, name), SearchRecord(space.database, name).consumed_s
                assert_kept(known, now)
                assert then_s >= consumed_s
                known, consumed_s = now, then_s
        outcome = own.finish()
        assert begun(space) - others == {outcome["search"]}
        assert_kept(known, finished(space, outcome["search"]))
        assert len(finished(space, outcome["search"])) == FITS
        assert consumed_s <= outcome["seconds"] <= outcome["budget_s"]
        check_outcome(space, outcome)
    assert ph.dataset("blots", workspace=space).test_looks() == []
    assert ph.evaluate(outcome["run_id"], workspace=space).accuracy.value > 1 / 3


@pytest.mark.full
def test_what_was_killed_has_only_the_rest_of_its_budget(space: Workspace) -> None:
    budget_s = 30.0
    # Nothing but time ends it: there is more to try than it can.
    words = ("--budget", f"{budget_s:g}s", "--set", "limits.enable_early_termination=false")
    own = Line(space, ["blots", "--seed", "1", *words])
    consumed_s = 0.0
    for after_s in (6.0, 9.0, 7.0):
        assert own.killed(after_s, of_search=True)
        (name,) = begun(space)
        then_s = SearchRecord(space.database, name).consumed_s
        assert then_s - consumed_s >= after_s - LOST_S
        consumed_s = then_s
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
        try:
            said, rest = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130, rest.decode()
    assert b"run the same command again" in rest
    assert b"Traceback" not in rest
    assert_gone(children)
    outcome = json.loads(said)
    assert outcome["status"] == "Canceled"
    assert "running" not in outcome["counts"]
    bundle.load(tracking.Runs(space).get(outcome["run_id"]).bundle).check_probe()
    before = finished(space, outcome["search"])
    assert before
    further = own.finish()
    assert further["search"] == outcome["search"]
    assert_kept(before, finished(space, outcome["search"]))
    check_outcome(space, further)
