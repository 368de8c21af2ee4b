"""What `pigeonhole automl` promises of MNIST itself, and of a whole search on a PostgreSQL server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pigeonhole as ph
from pigeonhole import bundle, tracking
from pigeonhole.automl.candidates import NETWORKS, estimators
from pigeonhole.automl.record import SearchRecord
from pigeonhole.core.workspace import Workspace
from tests.core import postgres
from tests.data.test_real_data import at_hand

from .automl_data import blots
from .automl_lines import Line

BUDGET_ERROR = 5
# Those that take longest to be fitted, by what they declare or by what they are.
SLOW = ("svm-rbf,xgboost,lightgbm",)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    space = Workspace(tmp_path_factory.mktemp("full") / ".pigeonhole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIGEONHOLE_DATA", str(at_hand("mnist").parent))
        ph.ingest("mnist", name="mnist", workspace=space)
        yield space


@pytest.mark.full
@pytest.mark.parametrize("allowed", [None, *SLOW])
def test_a_tiny_budget_on_full_data_ends_with_a_verified_model_or_says_that_there_is_none(
    mnist: Workspace, allowed: str | None
) -> None:
    line = Line(mnist, ["mnist", "--budget", "5s", *(["--allow", allowed] if allowed else [])])
    # That it is back in time is measured by benchmarks/automl_budget.py: a test knows no clock.
    code, _, said = line.timed(timeout_s=120)
    assert code in {0, BUDGET_ERROR}
    if code == 0:
        outcome = json.loads(said)
        bundle.load(tracking.Runs(mnist).get(outcome["run_id"]).bundle).check_probe()
        assert "running" not in outcome["counts"]


@pytest.mark.full
def test_nine_of_ten_candidates_end_well_on_mnist(mnist: Workspace) -> None:
    outcome = ph.automl("mnist", budget="4m", workspace=mnist)
    default = {candidate.key for candidate in estimators(lambda _: True, lambda preset, _: preset, featurization=True)}
    default |= set(NETWORKS)
    states = {row.candidate: (row.state, row.reason) for row in outcome.leaderboard if row.candidate in default}
    assert states.keys() == default
    bad = {key: told for key, told in states.items() if told[0] != "ok"}
    assert len(bad) <= 0.1 * len(default), bad
    assert ph.dataset("mnist", workspace=mnist).test_looks() == []


@pytest.mark.full
def test_a_whole_search_with_its_records_on_a_postgresql_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.server() as url:
        monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", url)
        space = Workspace(tmp_path / ".pigeonhole")
        blots(tmp_path, space)
        settings = ["limits.max_trials=3"]
        outcome = ph.automl("blots", budget="10m", allow="LogisticRegression", settings=settings, workspace=space)
        fits = SearchRecord(space.database, outcome.search).fits()
        again = ph.automl("blots", budget="10m", allow="LogisticRegression", settings=settings, workspace=space)
        looks = ph.evaluate(outcome.run_id, workspace=space).test_looks
        space.database.close()
    assert not (space.root / "workspace.db").exists()
    assert {one.state for one in fits} == {"ok"}
    assert again == outcome
    assert looks == 1
