"""SIGKILL of a whole sweep of real trainings, twenty times: the same line again ends as a sweep that was left alone."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import pigeonhole as ph
from pigeonhole.core.workspace import Workspace

# Rates from useless to good, so that the bandit has something to stop.
SPEC = """
type: sweep
name: killed
inputs: {data: digits}
trial: {model: mlp-128, settings: {epochs: 4}}
search_space:
  learning_rate: {type: loguniform, min_value: -12, max_value: -5}
  hidden: {type: choice, values: [16, 32]}
sampling_algorithm: {type: random, seed: 4}
objective: {goal: maximize, primary_metric: validation_accuracy}
early_termination: {type: bandit, slack_factor: 0.2, evaluation_interval: 2}
limits: {max_total_trials: 8, max_concurrent_trials: 2}
"""
# What the clock says of a trial, and the names that chance gives to runs.
NOT_THE_SAME = {"seconds", "run_id", "traceback"}
METRICS = {"validation_accuracy", "validation_loss", "train_loss", "train_accuracy", "epochs", "parameters"}


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pigeonhole.cli.main", "sweep", "spec.yml", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def finish(folder: Path) -> dict[str, Any]:
    with start(folder) as process:
        said, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    outcome: dict[str, Any] = json.loads(said)
    return outcome


def killed(folder: Path, after_s: float) -> bool:
    """Runs the line and kills it, with nothing left behind; False if it was done before."""
    with start(folder) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=after_s)
        if process.poll() is not None:
            assert process.returncode == 0
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    _, alive = psutil.wait_procs(children, timeout=300)
    assert alive == []
    return True


def essence(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    """All that must be the same."""
    return [
        {
            **{key: value for key, value in trial.items() if key not in NOT_THE_SAME},
            "metrics": {key: value for key, value in trial["metrics"].items() if key in METRICS},
        }
        for trial in outcome["trials"]
    ]


def workspace(folder: Path) -> Workspace:
    folder.mkdir()
    (folder / "spec.yml").write_text(SPEC, encoding="utf-8")
    space = Workspace(folder / ".pigeonhole")
    ph.ingest("mnist-5k", name="digits", workspace=space)
    return space


def check_runs(space: Workspace, outcome: dict[str, Any]) -> None:
    """One run a trial, each as its trial ended: nothing ran twice."""
    runs = {run.run_id: run.status for run in ph.list_runs(workspace=space)}
    states = {"Completed": "Completed", "Terminated": "Canceled"}
    assert runs == {trial["run_id"]: states[trial["state"]] for trial in outcome["trials"]}


@pytest.mark.full
def test_a_sweep_killed_twenty_times_ends_as_one_left_alone(tmp_path: Path) -> None:
    space = workspace(tmp_path / "alone")
    begin = time.monotonic()
    alone = finish(tmp_path / "alone")
    duration_s = time.monotonic() - begin
    assert set(alone["counts"]) == {"Completed", "Terminated"}
    check_runs(space, alone)
    dice = random.Random(21)
    kills = attempts = 0
    while kills < 20:
        folder = tmp_path / f"killed-{attempts}"
        attempts += 1
        space = workspace(folder)
        for _ in range(4):
            kills += killed(folder, dice.uniform(0.3, duration_s))
        outcome = finish(folder)
        assert essence(outcome) == essence(alone)
        check_runs(space, outcome)
