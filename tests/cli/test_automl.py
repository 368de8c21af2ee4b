"""A search as one person asks for it: what the command hands on, how it ends, and what is wrong said before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pigeonhole as ph
from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.automl.settings import AutomlSettings, read_automl
from pigeonhole.cli.main import run
from pigeonhole.core.errors import BudgetError, SpecError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.automl import request
from pigeonhole.workflows.automl.outcome import AutomlOutcome

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("automl*.yml"))
ROW = LeaderboardRow("knn", "PCA, KNN", "ok", 0.95, 0.93, 0.97, 2000, 1.5, 0.02, 280_000, "knn-0a1b2c", None)


class Search:
    """In the place of the search: keeps what it was asked, tells a view, and ends as it is told to."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.status = "TimedOut"
        self.ends: BaseException | None = None

    def __call__(self, **asked: Any) -> AutomlOutcome:
        self.asked = asked
        settings: AutomlSettings = asked["settings"]
        notes = [*settings.notes, "the search ended before its time"]
        if asked["view"] is not None:
            asked["view"].on_start(
                {
                    "search": "digits-0123",
                    "dataset": "digits:1",
                    "primary_metric": settings.primary_metric,
                    "budget_s": settings.budget_s,
                    "candidates": 3,
                    "notes": settings.notes,
                }
            )
            asked["view"].on_rows([ROW], 5.0)
            asked["view"].on_note("making the VotingEnsemble")
        if self.ends is not None:
            raise self.ends
        return AutomlOutcome(
            search="digits-0123",
            status=self.status,
            dataset="digits:1",
            primary_metric=settings.primary_metric,
            best=ROW,
            leaderboard=(ROW,),
            seconds=9.0,
            budget_s=settings.budget_s,
            ensembles={},
            guardrails=(),
            history=(),
            notes=tuple(notes),
            folder="automl/digits-0123",
        )


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    standing_in = Search()
    monkeypatch.setattr(request, "search", standing_in)
    return standing_in


def test_the_flags_are_the_searchs_settings(search: Search, tmp_path: Path) -> None:
    line = "automl digits:2 --budget 90s --metric auc_weighted --folds 3 --allow SVM,KNN --allow networks --block cnn"
    code = run([*line.split(), "--seed", "4", "--set", "limits.max_trials=9", "--workspace", str(tmp_path)])
    settings: AutomlSettings = search.asked["settings"]
    assert code == 0
    assert (settings.dataset, settings.budget_s, settings.primary_metric) == ("digits:2", 90, "AUC_weighted")
    assert (settings.folds, settings.seed, settings.max_trials, settings.blocked) == (3, 4, 9, {"cnn"})
    assert settings.allowed is not None
    assert {"svm-rbf", "knn", "cnn-best"} <= settings.allowed
    assert search.asked["workspace"] == tmp_path
    assert search.asked["age_s"] >= 0


def test_the_best_is_named_with_what_to_do_next(search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["automl", "digits"]) == 0
    said = capsys.readouterr()
    assert "PCA, KNN" in said.out
    assert "knn-0a1b2c" in said.out
    lines = said.err.splitlines()
    assert lines[-1] == "next: pigeonhole evaluate knn-0a1b2c && pigeonhole register knn-0a1b2c --as NAME"
    assert sum("no budget was given" in line for line in lines) == 1
    assert "note: the search ended before its time" in lines
    assert any(line.startswith("making the VotingEnsemble") for line in lines)


def test_json_is_the_outcome(search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["automl", "digits", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run_id"], told["counts"], told["best"]["name"]) == ("knn-0a1b2c", {"ok": 1}, "PCA, KNN")


def test_a_search_that_was_interrupted_prints_its_best_all_the_same(
    search: Search, capsys: pytest.CaptureFixture[str]
) -> None:
    search.status = "Canceled"
    assert run(["automl", "digits", "--json"]) == 130
    said = capsys.readouterr()
    assert json.loads(said.out)["run_id"] == "knn-0a1b2c"
    assert "run the same command again to go on" in said.err


def test_interrupted_twice_it_ends_at_once(search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    search.ends = KeyboardInterrupt()
    assert run(["automl", "digits"]) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert "best so far: PCA, KNN" in said.err


def test_a_budget_that_brought_nothing_is_a_budget_error(search: Search, capsys: pytest.CaptureFixture[str]) -> None:
    search.ends = BudgetError("nothing in 1 s", "more", "--budget 1m")
    assert run(["automl", "digits", "--budget", "1"]) == 5
    assert capsys.readouterr().out == ""


def test_what_is_wrong_is_said_at_once_before_anything_runs(
    search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.yml").write_text("type: automl\nprimary_metric: acuracy\nlimits: {max_trials: 0}\n")
    assert run(["automl", str(tmp_path / "wrong.yml"), "--allow", "svn"]) == 2
    said = capsys.readouterr().err
    for named in ("3 problems", "line 2", "'accuracy'", "line 3", "max_trials", "allow.0"):
        assert named in said
    assert search.asked == {}


@pytest.mark.parametrize("recipe", RECIPES, ids=[path.name for path in RECIPES])
def test_every_recipe_of_a_search_is_right(recipe: Path) -> None:
    found = read_automl(recipe)
    assert found.dataset
    assert found.notes == [] or "Azure ML takes no less" in found.notes[0]


def test_from_python_it_is_the_same(search: Search, tmp_path: Path) -> None:
    found = ph.automl("digits", budget=60, block="networks", settings={"limits": {"max_trials": 9}}, workspace=tmp_path)
    assert found.run_id == "knn-0a1b2c"
    settings: AutomlSettings = search.asked["settings"]
    assert (settings.budget_s, settings.max_trials) == (60, 9)
    ph.automl(settings)
    assert search.asked["settings"] is settings


def test_as_a_stage_it_hands_its_best_run_on(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Workspace(tmp_path)
    stages: list[Any] = [{"ingest": {"source": "mnist-5k", "name": "digits"}}, {"automl": {"budget": "20m", "seed": 3}}]
    asked: list[str] = []
    monkeypatch.setattr("pigeonhole.workflows.evaluate.evaluate", lambda run, workspace: asked.append(run) or _Told())
    ph.pipeline({"type": "pipeline", "stages": [*stages, {"evaluate": {}}]}, workspace=space)
    settings: AutomlSettings = search.asked["settings"]
    assert (settings.dataset, settings.budget_s, settings.seed) == ("digits:1", 1200, 3)
    assert asked == ["knn-0a1b2c"]


class _Told:
    def to_dict(self) -> dict[str, Any]:
        return {"run_id": "knn-0a1b2c", "accuracy": {"value": 0.9}, "split": "test"}


def test_a_wrong_stage_is_told_before_anything_runs(tmp_path: Path) -> None:
    stages = [{"ingest": {"source": "mnist-5k", "name": "digits"}}, {"automl": {"budget": "soon", "allow": "svn"}}]
    with pytest.raises(SpecError) as error:
        ph.pipeline({"type": "pipeline", "stages": stages}, workspace=tmp_path)
    assert "budget: seconds, or a duration" in error.value.received
    assert "allow.0" in error.value.received
    assert ph.list_datasets(workspace=tmp_path) == []
