"""A real search, from images to a registered model: what it leaves, and what it does not touch on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pigeonhole as ph
from pigeonhole import bundle, tracking
from pigeonhole.automl.fits import Tried
from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.automl.record import SearchRecord
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import Dataset
from pigeonhole.workflows.automl import search as workflow
from pigeonhole.workflows.automl.outcome import AutomlOutcome, read_outcome

from .automl_data import blots
from .conftest import Walked

TRIALS = 4
ENSEMBLES = 2


def asked(trials: int, *settings: str) -> dict[str, Any]:
    """A search that the number of its trials ends, however slow the machine is."""
    return {
        "budget": "10m",
        "allow": ["LogisticRegression", "KNN", "GaussianNaiveBayes"],
        "settings": [f"limits.max_trials={trials + ENSEMBLES}", *settings],
    }


@dataclass(frozen=True)
class Searched:
    """A search that has ended, and what was there before anyone evaluated."""

    space: Workspace
    dataset: Dataset
    outcome: AutomlOutcome
    looks: int

    def again(self, *settings: str, trials: int = TRIALS, **changes: Any) -> AutomlOutcome:
        """The same call once more, or with other limits."""
        return ph.automl("blots", **{**asked(trials, *settings), **changes}, workspace=self.space)

    @property
    def ended(self) -> Sequence[LeaderboardRow]:
        """The rows of what had a turn."""
        return self.outcome.leaderboard[: TRIALS + ENSEMBLES]

    def fits(self) -> list[Tried]:
        """As they are written down."""
        return SearchRecord(self.space.database, self.outcome.search).fits()


@pytest.fixture(scope="module")
def searched(walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    space = walked.space
    dataset = blots(tmp_path_factory.mktemp("searched"), space)
    outcome = ph.automl("blots", **asked(TRIALS), workspace=space)
    return Searched(space, dataset, outcome, len(dataset.test_looks()))


def test_every_candidate_ends_with_a_score_and_the_best_first(searched: Searched) -> None:
    board = searched.outcome.leaderboard
    scores = [row.score or 0.0 for row in board]
    assert searched.outcome.status == "Completed"
    ended, rest = searched.ended, board[TRIALS + ENSEMBLES :]
    assert {row.state for row in ended} == {"ok"}
    assert len({row.candidate for row in board}) == len(board)
    assert {"voting-ensemble", "stack-ensemble", "logistic-regression"} <= {row.candidate for row in ended}
    assert scores == sorted(scores, reverse=True)
    assert all(row.low is not None and row.high is not None and row.low <= row.high for row in ended)
    assert searched.outcome.best == board[0]
    # Who had no turn is told so, and why.
    assert {(row.state, row.score, row.reason) for row in rest} == {
        ("not-applicable", None, f"max_trials, {TRIALS + ENSEMBLES} with the ensembles, left none for it")
    }
    assert searched.outcome.counts == {"ok": TRIALS + ENSEMBLES, "not-applicable": len(rest)}


def test_each_row_with_a_run_has_a_bundle_that_loads_and_gives_what_it_gave(searched: Searched) -> None:
    for row in searched.ended:
        run = tracking.Runs(searched.space).get(row.run_id or "")
        made = bundle.load(run.bundle)
        made.check_probe()
        rows = run.load_array("verification_rows")
        said_NK = made.predict(searched.dataset.images_NHWC[rows]).probs_NK
        assert abs(said_NK - run.load_array("verification_probs")).max() < 1e-4
        assert run.metrics["verified_images"] == len(rows)
        assert (row.latency_ms, row.size_bytes) == (run.metrics["latency_ms"], made.size_bytes)


def test_weights_sum_to_one_with_member_scores_beside_them(searched: Searched) -> None:
    scores = {row.candidate: row.score for row in searched.outcome.leaderboard}
    vote, stack = (searched.outcome.ensembles[key] for key in ("voting-ensemble", "stack-ensemble"))
    assert sum(member["weight"] for member in vote["members"]) == pytest.approx(1.0, abs=1e-12)
    assert all(member["weight"] > 0 for member in vote["members"])
    assert not any("weight" in member for member in stack["members"])
    for key, ensemble in searched.outcome.ensembles.items():
        assert ensemble["score"] == scores[key]
        assert {member["candidate"]: member["score"] for member in ensemble["members"]}.items() <= scores.items()
    assert vote["score"] >= vote["best_individual_score"] - 1e-12


def test_the_outcome_and_the_guardrails_are_kept(searched: Searched) -> None:
    outcome = searched.outcome
    folder = Path(outcome.folder)
    assert read_outcome(folder) == outcome
    assert json.loads((folder / "outcome.json").read_text(encoding="utf-8"))["run_id"] == outcome.best.run_id
    kept = json.loads((folder / "verifier_results.json").read_text(encoding="utf-8"))
    assert kept["schema_type"] == "fault_verifier"
    assert [one["type"] for one in kept["faults"]] == [one["type"] for one in outcome.guardrails]
    assert "_class_balancing" in {one["type"] for one in outcome.guardrails if one["result"] == "passed"}
    assert Path(outcome.report or "").is_file()


def test_the_same_call_fits_nothing_again(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a search that has ended starts no process")

    before = searched.fits()
    monkeypatch.setattr(workflow, "LocalCompute", refused)
    assert searched.again() == searched.outcome
    assert searched.fits() == before
    assert len(before) == TRIALS


def test_another_limit_of_the_choice_chooses_anew_among_what_is_there(searched: Searched) -> None:
    smallest = min(searched.ended, key=lambda row: row.size_bytes or 0)
    before = searched.fits()
    chosen = searched.again(f"choose.max_size_mb={(smallest.size_bytes or 0) / 1e6}")
    assert chosen.best == smallest != searched.outcome.best
    assert chosen.leaderboard == searched.outcome.leaderboard
    assert searched.fits() == before


@pytest.mark.full
def test_more_time_and_trials_go_on_from_what_is_there(searched: Searched) -> None:
    before = searched.fits()
    more = searched.again(trials=TRIALS + 1)
    assert more.search == searched.outcome.search
    assert searched.fits()[:TRIALS] == before
    assert [fit.state for fit in searched.fits()[TRIALS:]] == ["ok"]
    assert more.seconds > searched.outcome.seconds
    assert searched.again(trials=TRIALS + 1, budget="11m").seconds > more.seconds


def test_the_best_goes_the_whole_way_and_nobody_had_looked_at_the_test_split(searched: Searched) -> None:
    assert searched.looks == 0
    report = ph.evaluate(searched.outcome.run_id, workspace=searched.space)
    version = ph.register(searched.outcome.run_id, name="blots", workspace=searched.space)
    assert report.test_looks == 1
    assert report.accuracy.value > 1 / 3
    assert bundle.load(version.folder).lineage["dataset"] == "blots:1"
