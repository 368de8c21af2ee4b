"""SIGKILL from outside at random times: the same line again goes on, to the weights of a run never killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pigeonhole as ph
from pigeonhole.core.workspace import Workspace

EPOCHS = 4
SETTINGS = [f"epochs={EPOCHS}", "min_steps=16", "batch_size=64"]
SET = [word for setting in SETTINGS for word in ("--set", setting)]


def start(space: Workspace, model: str) -> subprocess.Popen[bytes]:
    line = ["train", "digits", "--model", model, "--seed", "3", *SET]
    return subprocess.Popen(
        [sys.executable, "-m", "pigeonhole.cli.main", *line, "--workspace", str(space.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(space: Workspace, model: str) -> float:
    """Runs the line to its end and returns how many seconds it took."""
    begin = time.monotonic()
    with start(space, model) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return time.monotonic() - begin


def killed(space: Workspace, model: str, after_s: float) -> bool:
    """Runs the line and kills it; False if it was done before."""
    with start(space, model) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=after_s)
        if process.poll() is not None:
            assert process.returncode == 0
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return True


def weights(space: Workspace) -> str:
    """The hash of the newest run's weights."""
    folder = Path(ph.list_runs(workspace=space)[0].folder)
    return hashlib.sha256((folder / "training" / "model.safetensors").read_bytes()).hexdigest()


def check_resumes(folder: Path, model: str, kills: int) -> None:
    space = Workspace(folder / ".pigeonhole")
    ph.ingest("mnist-5k", name="digits", workspace=space)
    duration = finish(space, model)
    undisturbed = weights(space)
    dice = random.Random(20)
    done = 0
    while done < kills:
        while done < kills and killed(space, model, dice.uniform(0.3, duration)):
            done += 1
        finish_if_unfinished(space, model)
        newest = ph.list_runs(workspace=space)[0]
        assert weights(space) == undisturbed
        assert newest.metrics["epochs"] == EPOCHS
    assert {run.status for run in ph.list_runs(workspace=space)} == {"Completed"}


def finish_if_unfinished(space: Workspace, model: str) -> None:
    if ph.list_runs(workspace=space)[0].status != "Completed":
        finish(space, model)


def test_a_training_killed_anywhere_ends_with_the_same_weights(tmp_path: Path) -> None:
    check_resumes(tmp_path, "cnn-tiny", kills=1)


@pytest.mark.full
def test_a_training_killed_twenty_times_ends_with_the_same_weights(tmp_path: Path) -> None:
    check_resumes(tmp_path, "cnn", kills=20)
