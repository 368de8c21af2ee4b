"""The wrong things a person types: what they read, and the exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pigeonhole.cli.main import run

from .conftest import Pigeonhole

WRONG = {
    "an unknown command": (["trian"], 2, "train"),
    "no dataset": (["train"], 2, "dataset"),
    "a dataset that is not there": (["train", "digts"], 2, "digts"),
    "a dataset version that is no number": (["data", "show", "digits:x"], 2, "digits:x"),
    "a run that is not there": (["evaluate", "cnn-000000"], 2, "cnn-000000"),
    "the latest of no runs": (["evaluate", "latest"], 2, "latest"),
    "a model that is not there": (["deploy", "digits@champion", "--endpoint", "digits"], 2, "digits"),
    "an endpoint that is not there": (["monitor", "digits"], 2, "digits"),
    "a folder that is not there": (["ingest", "no/such/folder", "--name", "x"], 2, "no/such/folder"),
    "a name that cannot be one": (["ingest", "mnist-5k", "--name", "a b"], 2, "a b"),
    "a setting without a value": (["train", "digits", "--set", "epochs"], 2, "epochs"),
    "a recipe that is not there": (["pipeline", "none.yml"], 2, "none.yml"),
    "an image that is not there": (["predict", "digits@champion", "none.png"], 2, "digits"),
    "a batch of a model that is not there": (["batch", "digits@champion", ".", "--out", "x.csv"], 2, "digits"),
    "a batch with a setting that is none": (["batch", "m", ".", "--out", "x.csv", "--set", "shap=1x1"], 2, "'shape'"),
    "a request without a sample": (["data", "show", "digits", "--request"], 2, "--sample"),
    "lineage of nothing": (["lineage", "nothing"], 2, "nothing"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Pigeonhole:
    """The program in this process, in a folder of its own: what it does before and after is the same in all cases."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_here(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = run(list(arguments))
        said = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run_here


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_line_is_explained_and_leaves_with_its_code(case: str, here: Pigeonhole) -> None:
    explained(WRONG[case], here)


@pytest.mark.parametrize("case", ["an unknown command", "the latest of no runs"])
def test_a_process_of_its_own_leaves_with_that_code_too(case: str, pigeonhole: Pigeonhole) -> None:
    explained(WRONG[case], pigeonhole)


def explained(case: tuple[list[str], int, str], program: Pigeonhole) -> None:
    arguments, code, named = case
    done = program(*arguments)
    assert done.returncode == code, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_error_has_three_parts(here: Pigeonhole) -> None:
    lines = here("train", "digits").stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert any(line.startswith("accepted: ") for line in lines)
    assert any(line.startswith("next: ") for line in lines)


def test_mnist_offline_and_absent_names_the_ways_out(pigeonhole: Pigeonhole, tmp_path: Path) -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    done = pigeonhole(
        "ingest", "mnist", "--name", "mnist", XDG_CACHE_HOME=str(tmp_path / "cache"), PIGEONHOLE_DATA="", **nowhere
    )
    assert done.returncode == 3, done.stderr
    assert "PIGEONHOLE_DATA" in done.stderr
    assert "mnist-5k" in done.stderr


def test_a_recipe_reports_all_its_problems_with_their_lines(here: Pigeonhole, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "type: pipeline\nstages:\n  - ingest: {source: mnist-5k}\n  - train: {modle: cnn}\n  - deploy: {endpoint: x}\n",
        encoding="utf-8",
    )
    done = here("pipeline", "bad.yml")
    assert done.returncode == 2
    assert "bad.yml:3" in done.stderr
    assert "name" in done.stderr
    assert "bad.yml:4" in done.stderr
    assert "did you mean 'model'" in done.stderr
    assert "no stage before it makes a model" in done.stderr


def test_a_key_given_twice_is_refused(here: Pigeonhole, tmp_path: Path) -> None:
    (tmp_path / "twice.yml").write_text(
        "type: pipeline\nstages:\n  - ingest: {source: mnist-5k, name: a, name: b}\n", encoding="utf-8"
    )
    done = here("pipeline", "twice.yml")
    assert done.returncode == 2
    assert "line 3" in done.stderr
    assert "'name'" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_cannot_be_written_is_explained(pigeonhole: Pigeonhole, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = pigeonhole("status", "--workspace", str(locked / "workspace"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
