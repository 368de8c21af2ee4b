"""A sweep as one person watches it: lines, a live table, Ctrl-C, and what is wrong said before anything runs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import pigeonhole as ph
from pigeonhole.cli.trial_table import TrialTable, figure
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.spec import read_sweep
from pigeonhole.workflows.sweep import read
from pigeonhole.workflows.sweep_outcome import TrialOutcome

from .conftest import Pigeonhole

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("**/sweep*.yml"))
FACTS: dict[str, Any] = {
    "sweep": "tiny-01234567",
    "dataset": "digits:1",
    "model": "cnn",
    "sampling_algorithm": "random",
    "early_termination": "bandit",
    "metrics": ("validation_accuracy",),
    "goals": ("maximize",),
    "max_total_trials": 40,
    "max_concurrent_trials": 2,
    "notes": ("loguniform means powers of e",),
}


def trial(
    number: int, state: str = "Running", value: float | None = None, reports: tuple[float, ...] = ()
) -> TrialOutcome:
    objectives = None if value is None else [value]
    return TrialOutcome(number, state, {"hidden": 8}, objectives, reports, None, "", 1.5, f"cnn-{number}", {})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_for_each_start_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    with TrialTable() as table:
        table.on_start(FACTS)
        for reports in ((), (0.5,), (0.5, 0.6)):
            table.on_trial(trial(0, reports=reports))
        table.on_trial(trial(0, "Completed", 0.6, (0.5, 0.6)))
        table.say_best()
    lines = capsys.readouterr().err.splitlines()
    assert "random, bandit, at most 40 trials, 2 at a time" in lines[0]
    assert lines[1] == "note: loguniform means powers of e"
    assert lines[2].startswith("trial 0  Running  hidden=8")
    assert lines[3].startswith("trial 0  Completed  hidden=8  validation_accuracy 60.00%")
    assert lines[4].startswith("best so far: trial 0")
    assert len(lines) == 5


def test_a_terminal_gets_a_table_of_those_that_run_and_those_that_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    with TrialTable() as table:
        table.on_start(FACTS)
        for number in range(30):
            table.on_trial(trial(number, "Completed", number / 100))
        table.on_trial(trial(30, reports=(0.25,)))
        shown = list(table._table().columns[0]._cells)
    assert shown[-2:] == ["29 ★", "30"]
    assert len(shown) == 15
    assert "best so far: trial 29" in screen.getvalue()


def test_before_the_first_end_there_is_no_best(capsys: pytest.CaptureFixture[str]) -> None:
    table = TrialTable()
    table.on_start(FACTS)
    table.on_trial(trial(0))
    table.say_best()
    assert capsys.readouterr().err.splitlines()[-1] == "no trial has ended yet"


@pytest.mark.parametrize("recipe", RECIPES, ids=[path.name for path in RECIPES])
def test_every_recipe_of_a_sweep_is_right(recipe: Path) -> None:
    assert read_sweep(recipe).limits.max_total_trials


def test_a_key_that_is_set_takes_the_place_of_the_files(tmp_path: Path) -> None:
    recipe = next(path for path in RECIPES if path.name == "sweep-mnist-5k.yml")
    spec = read(recipe, ["limits.max_total_trials=2", "trial.settings.pca_components=20", "sampling_algorithm=random"])
    assert (spec.limits.max_total_trials, spec.limits.max_concurrent_trials) == (2, 2)
    assert spec.preset is not None
    assert (spec.preset.model, spec.preset.settings) == ("svm-rbf", {"pca_components": 20})
    assert spec.sampling_algorithm.type == "random"
    assert spec.name == "sweep-mnist-5k"


def test_what_is_wrong_is_said_at_once_with_its_lines(pigeonhole: Pigeonhole, tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text(
        "type: sweep\ninputs: {data: digits}\ntrial: {model: cnn-hiden}\n"
        "search_space: {hidden: {type: choise, values: [1]}}\nobjective: {goal: maximize, primary_metric: accuracy}\n"
        "limits: {max_total_trials: 0}\n",
        encoding="utf-8",
    )
    done = pigeonhole("sweep", "wrong.yml")
    assert done.returncode == 2
    for named in ("line 3", "cnn-hiden", "line 4", "choise", "line 6", "max_total_trials"):
        assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


ENDLESS = """
type: sweep
inputs: {data: digits}
trial: {model: mlp-128}
search_space: {epochs: {type: choice, values: [1, 1000]}}
sampling_algorithm: grid
objective: {goal: maximize, primary_metric: validation_accuracy}
limits: {max_total_trials: 2, max_concurrent_trials: 1}
"""


@pytest.mark.full
def test_ctrl_c_says_the_best_so_far_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ph.ingest("mnist-5k", name="digits", workspace=Workspace(tmp_path / ".pigeonhole"))
    (tmp_path / "endless.yml").write_text(ENDLESS, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "pigeonhole.cli.main", "sweep", "endless.yml"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # As from a shell: Ctrl-C goes to the whole group.
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("trial 1  Running"):
                break
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert out == ""
    assert "best so far: trial 0  Completed" in said
    assert "run the same command again" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=300)
    assert alive == []


def test_a_share_is_a_percentage_and_a_whole_number_keeps_its_digits():
    assert figure("validation_accuracy", 0.98765) == "98.77%"
    assert figure("bundle_size_bytes", 842170.0) == "842,170"
    assert figure("validation_loss", 0.123456) == "0.12346"
    assert figure("validation_loss", None) == "–"
