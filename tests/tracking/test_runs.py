from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.core.spec import parse_settings
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs


def test_a_new_run_says_what_it_is_made_of(workspace, start):
    with start() as run:
        record = run.record
    assert run.id.startswith("cnn-")
    assert record["status"] == "Running"
    assert record["dataset"] == "digits:1"
    assert record["seed"] == 0
    assert len(record["fingerprint"]) == 64
    assert record["environment"]["packages"]["numpy"] == np.__version__
    assert record["environment"]["python"]
    assert json.loads((run.folder / "run.json").read_text()) == record


def test_the_same_request_goes_on_with_an_unfinished_run(start):
    with start() as first:
        first.append_epoch({"epoch": 1, "train_loss": 0.3})
    with start() as second:
        assert second.id == first.id
        assert len(second.record["continued_at"]) == 1
        second.append_epoch({"epoch": 2, "train_loss": 0.2})
        assert [epoch["epoch"] for epoch in second.history()] == [1, 2]


def test_the_same_request_starts_anew_after_a_finished_run(start):
    with start() as first:
        first.finish({"validation_accuracy": 0.99})
        first.settle()
    with start() as second:
        assert second.id != first.id
    assert first.status == "Completed"
    assert first.metrics == {"validation_accuracy": 0.99}


def test_a_finished_run_of_which_not_everybody_knows_goes_on(start):
    with start() as first:
        first.finish({"validation_accuracy": 0.99})
    with start() as second:
        assert second.id == first.id


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"dataset": "digits:2"},
        {"dataset_sha256": "cd" * 32},
        {"spec": {"model": "cnn", "parameters": {"epochs": 4, "learning_rate": 0.001}}},
        {"parent": "cnn-aaaaaa:3"},
    ],
)
def test_any_decisive_difference_is_another_run(start, change):
    with start() as first, start(**change) as second:
        assert first.id != second.id
        assert first.record["fingerprint"] != second.record["fingerprint"]


def test_the_order_of_settings_does_not_matter(start):
    with start(spec={"a": 1, "b": 2}) as first:
        pass
    with start(spec={"b": 2, "a": 1}) as second:
        assert second.id == first.id


def test_a_live_writer_is_refused_by_name(start):
    with start() as run, pytest.raises(ConflictError, match=f"run {run.id} is being written by process {os.getpid()}"):
        start()


def test_a_reader_cannot_write(workspace, start):
    with start() as run:
        pass
    reader = Runs(workspace).get(run.id)
    for write in (lambda: reader.update(x=1), lambda: reader.append_epoch({"epoch": 1})):
        with pytest.raises(ConflictError, match="open for reading"):
            write()


def test_a_reader_sees_what_the_writer_writes(workspace, start):
    with start() as run:
        reader = Runs(workspace).get(run.id)
        assert reader.status == "Running"
        run.append_epoch({"epoch": 1})
        run.finish({"validation_accuracy": 0.9})
        assert reader.status == "Completed"
        assert len(reader.history()) == 1


def test_an_error_is_kept_with_its_traceback_and_the_same_request_goes_on(start):
    with pytest.raises(DataError), start() as run:
        raise DataError("row 3 is torn", "whole rows", "mend it")
    assert run.status == "Failed"
    assert run.record["error"]["type"] == "DataError"
    assert run.record["error"]["remedy"] == "mend it"
    assert "test_an_error_is_kept" in run.record["error"]["traceback"]
    with start() as again:
        assert again.id == run.id
        assert again.record["error"] is None
        assert again.status == "Running"


def test_interrupting_cancels(start):
    with pytest.raises(KeyboardInterrupt), start() as run:
        raise KeyboardInterrupt
    assert run.status == "Canceled"
    with start() as again:
        assert again.id == run.id


_VICTIM = """
import os, signal, sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs
run = Runs(Workspace(Path(sys.argv[1]))).start_or_continue(
    {"model": "cnn"}, model="cnn", dataset="digits:1", dataset_sha256="00", seed=0)
run.append_epoch({"epoch": 1})
print(run.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_is_not_responding_and_goes_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(tmp_path / "w")], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    runs = Runs(Workspace(tmp_path / "w"))
    (killed,) = runs.list()
    assert killed.id == done.stdout.strip()
    assert killed.status == "NotResponding"
    assert killed.interrupted
    with runs.start_or_continue({"model": "cnn"}, model="cnn", dataset="digits:1", dataset_sha256="00", seed=0) as run:
        assert run.id == killed.id
        assert killed.status == "Running"
        assert len(run.history()) == 1


def test_runs_are_found_by_the_beginning_of_their_id(workspace, start):
    with start() as first, start(seed=1) as second:
        pass
    runs = Runs(workspace)
    assert runs.get(first.id).id == first.id
    shorter = next(n for n in range(1, 99) if first.id[:n] != second.id[:n])
    assert runs.get(second.id[:shorter]).id == second.id
    with pytest.raises(UsageError, match="several runs"):
        runs.get("cnn-")
    with pytest.raises(NotFoundError, match="no run 'mlp'"):
        runs.get("mlp")
    with pytest.raises(NotFoundError):
        runs.get("")


def test_no_runs_yet_names_the_way_to_one(workspace):
    with pytest.raises(NotFoundError, match="pigeonhole train"):
        Runs(workspace).get("cnn-1")
    assert Runs(workspace).list() == []


def test_the_newest_run_comes_first(workspace, start, monkeypatch):
    stamps = iter(f"2026-01-0{day}T00:00:00.000Z" for day in range(1, 9))
    monkeypatch.setattr("pigeonhole.tracking.record.utc_now", lambda: next(stamps))
    ids = []
    for seed in range(3):
        with start(seed=seed) as run:
            ids.append(run.id)
    assert [run.id for run in Runs(workspace).list()] == ids[::-1]


def test_removing(workspace, start):
    with start() as run:
        with pytest.raises(ConflictError, match="being written"):
            Runs(workspace).remove(run.id)
        run.finish({})
    runs = Runs(workspace)
    with pytest.raises(ConflictError, match="still needed by model digits:1"):
        runs.remove(run.id, ["model digits:1"])
    assert runs.remove(run.id) == run.id
    assert not run.folder.exists()
    assert runs.list() == []


def test_a_run_that_another_started_from_stays(workspace, start):
    with start() as parent:
        parent.finish({})
    with start(parent=f"{parent.id}:2") as child:
        child.finish({})
    runs = Runs(workspace)
    with pytest.raises(ConflictError, match=f"run {child.id}"):
        runs.remove(parent.id)
    runs.remove(child.id)
    runs.remove(parent.id)


def test_arrays(workspace, start):
    probs_NK = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    with start() as run:
        run.save_array("validation_probs", probs_NK)
        with pytest.raises(UsageError):
            run.save_array("../outside", probs_NK)
    reader = Runs(workspace).get(run.id)
    np.testing.assert_array_equal(reader.load_array("validation_probs"), probs_NK)
    with pytest.raises(NotFoundError, match="validation_probs"):
        reader.load_array("test_probs")


def test_evaluating_a_finished_run_adds_figures_and_an_error_there_leaves_it_completed(workspace, start):
    with start() as run:
        run.finish({"validation_accuracy": 0.9})
    with Runs(workspace).write(run.id) as run:
        run.add_metrics({"test_accuracy": 0.91})
    with pytest.raises(DataError), Runs(workspace).write(run.id):
        raise DataError("x")
    assert Runs(workspace).get(run.id).status == "Completed"
    assert Runs(workspace).get(run.id).metrics == {"validation_accuracy": 0.9, "test_accuracy": 0.91}


def test_the_command_line_makes_the_run_again(start):
    settings = {
        "epochs": 5,
        "learning_rate": 1e-05,
        "augment": False,
        "optimizer": {"name": "sgd", "betas": [0.9, 0.99]},
        "note": "12",
        "text": "two words",
        "nothing": None,
    }
    with start(settings=settings, seed=3, parent="cnn-0a0a0a:2", model="my cnn.yml") as run:
        words = shlex.split(run.command())
    assert words[:3] == ["pigeonhole", "train", "digits:1"]
    assert words[words.index("--model") + 1] == "my cnn.yml"
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--resume-from") + 1] == "cnn-0a0a0a:2"
    given = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert parse_settings(given) == settings
    assert run.id.startswith("my-cnn-")


def test_a_later_format_is_refused(workspace, start):
    with start() as run:
        pass
    record = {**run.record, "format_version": 99}
    (run.folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="format version 99"):
        Runs(workspace).get(run.id)


_RACER = """
import sys, time
from pathlib import Path
from pigeonhole.core.errors import ConflictError
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs
runs = Runs(Workspace(Path(sys.argv[1])))
sys.stdin.read(1)
try:
    run = runs.start_or_continue({}, model="cnn", dataset="digits:1", dataset_sha256="00", seed=0)
    print("holds", run.id, flush=True)
except ConflictError as error:
    print("refused", str(error).split()[1], flush=True)
sys.stdin.read(1)
"""


def test_the_same_line_started_at_once_makes_one_run(tmp_path):
    Workspace(tmp_path / "w")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(tmp_path / "w")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for racer in racers:
        racer.stdin.write("g")
        racer.stdin.flush()
    answers = [racer.stdout.readline().split() for racer in racers]
    for racer in racers:
        racer.communicate("e")
    assert sorted(word for word, _ in answers) == ["holds", "refused", "refused"]
    assert len({run_id for _, run_id in answers}) == 1
    assert len(Runs(Workspace(tmp_path / "w")).list()) == 1
