from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from pigeonhole.core.errors import DataError, MissingDependencyError
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Mirror, Runs, store, sync
from pigeonhole.tracking.store import open_client


def train(run, epochs=(1, 2, 3)):
    for epoch in epochs:
        run.append_epoch(
            {
                "epoch": epoch,
                "epochs": 3,
                "train_loss": 1 / epoch,
                "validation_accuracy": 0.9 + epoch / 100,
                "best": True,
            }
        )


def history_of(client, mlflow_id, key):
    return [(metric.step, metric.value) for metric in client.get_metric_history(mlflow_id, key)]


def artifacts_of(client, mlflow_id, path=None):
    return {entry.path for entry in client.list_artifacts(mlflow_id, path)}


@pytest.fixture
def finished(start):
    with start(settings={"epochs": 3}, seed=7) as run:
        train(run)
        (run.plots / "training.png").write_bytes(b"png")
        run.finish({"validation_accuracy": 0.93, "test_accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}})
    return run


def test_mlflow_holds_everything_of_a_run(workspace, finished):
    mlflow_id = sync(workspace, finished)
    assert finished.mlflow_run_id == mlflow_id
    client = open_client(workspace)
    mirrored = client.get_run(mlflow_id)
    assert mirrored.info.status == "FINISHED"
    assert mirrored.info.run_name == finished.id
    assert mirrored.data.params["parameters.learning_rate"] == "0.001"
    assert mirrored.data.params["seed"] == "7"
    assert mirrored.data.params["dataset"] == "digits:1"
    assert history_of(client, mlflow_id, "train_loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert mirrored.data.metrics["final_validation_accuracy"] == 0.93
    assert mirrored.data.metrics["test_accuracy.value"] == 0.9
    assert mirrored.data.tags["pigeonhole.run_id"] == finished.id
    assert mirrored.data.tags["environment.packages.numpy"]
    assert mirrored.data.tags["pigeonhole.seed"] == "7"
    dataset = mirrored.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("digits:1", finished.record["dataset_sha256"][:16])
    assert artifacts_of(client, mlflow_id) == {"run.json", "history.jsonl", "plots"}
    assert artifacts_of(client, mlflow_id, "plots") == {"plots/training.png"}
    assert client.get_experiment(mirrored.info.experiment_id).name == "digits"


def test_mirroring_again_changes_nothing_and_adds_what_is_new(workspace, finished):
    first = sync(workspace, finished)
    client = open_client(workspace)
    before = client.get_run(first).to_dictionary()
    assert sync(workspace, finished) == first
    assert client.get_run(first).to_dictionary() == before
    assert len(history_of(client, first, "train_loss")) == 3
    with Runs(workspace).write(finished.id) as run:
        (run.evaluation / "evaluation.json").write_text("{}")
        run.add_metrics({"test_accuracy": {"value": 0.91, "low": 0.8, "high": 0.95}, "log_loss": 0.2})
    assert sync(workspace, Runs(workspace).get(finished.id)) == first
    assert client.get_run(first).data.metrics["log_loss"] == 0.2
    assert client.get_run(first).data.metrics["test_accuracy.value"] == 0.91
    assert artifacts_of(client, first, "evaluation") == {"evaluation/evaluation.json"}


def test_an_interrupted_run_is_continued_in_the_same_mirror(workspace, start):
    with start() as run:
        train(run, (1, 2))
        mlflow_id = sync(workspace, run)
    client = open_client(workspace)
    assert client.get_run(mlflow_id).info.status == "RUNNING"
    with start() as run:
        train(run, (2, 3))
        run.finish({})
    assert sync(workspace, run) == mlflow_id
    assert [step for step, _ in history_of(client, mlflow_id, "train_loss")] == [1, 2, 3]
    assert client.get_run(mlflow_id).info.status == "FINISHED"


def test_a_mirror_whose_note_was_lost_is_found_again(workspace, finished):
    mlflow_id = sync(workspace, finished)
    (finished.folder / "mlflow.json").unlink()
    assert sync(workspace, finished) == mlflow_id


def test_in_the_background_while_training(workspace, start):
    run = start()
    with Mirror(workspace, run) as mirror, run:
        for epoch in (1, 2, 3):
            train(run, (epoch,))
            mirror.poke()
        run.finish({"seconds": 1.5})
    mirrored = open_client(workspace).get_run(run.mlflow_run_id)
    assert mirrored.info.status == "FINISHED"
    assert mirrored.data.metrics["seconds"] == 1.5
    assert len(history_of(open_client(workspace), run.mlflow_run_id, "train_loss")) == 3


def test_a_failed_training_is_mirrored_as_failed_and_its_own_error_is_seen(workspace, start):
    run = start()
    with pytest.raises(DataError, match="torn"), Mirror(workspace, run), run:
        raise DataError("torn")
    assert open_client(workspace).get_run(run.mlflow_run_id).info.status == "FAILED"


def test_what_hinders_the_mirror_is_raised_at_the_end_and_leaves_the_run_whole(workspace, start, monkeypatch):
    monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    run = start()
    mirror = Mirror(workspace, run)
    with run:
        train(run)
        run.finish({})
    with pytest.raises(Exception, match="connection"):
        mirror.close()
    assert run.status == "Completed"
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL")
    assert sync(workspace, run)


def test_without_mlflow_it_is_said_before_training(workspace, start, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with start() as run, pytest.raises(MissingDependencyError, match=r"pigeonhole\[tracking\]"):
        Mirror(workspace, run)


def test_removing_a_run_removes_its_mirror(workspace, finished):
    mlflow_id = sync(workspace, finished)
    Runs(workspace).remove(finished.id)
    assert open_client(workspace).get_run(mlflow_id).info.lifecycle_stage == "deleted"


def test_very_long_settings_and_odd_names_are_mirrored(workspace, start):
    spec = {"layers": [{"dense": {"units": n}} for n in range(2000)], "odd name (µ)": 1, "empty": {}, "none": None}
    with start(spec=spec) as run:
        run.append_epoch({"epoch": 1, "loss (µ)": 0.5, "text": "x", "gone": None})
        run.finish({"nothing": None, "word": "x", "flag": True})
    params = open_client(workspace).get_run(sync(workspace, run)).data.params
    assert params["layers"].endswith("(whole in run.json)")


_QUIET = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs, sync
workspace = Workspace(Path(sys.argv[1]))
sys.stdin.read(1)
request = {"model": sys.argv[2], "dataset": "d:1", "dataset_sha256": "0", "seed": 0}
with Runs(workspace).start_or_continue({"preset": sys.argv[2]}, **request) as run:
    run.append_epoch({"epoch": 1, "train_loss": 0.5})
    run.finish({})
    print(sync(workspace, run))
import os
assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
"""


def test_two_first_users_at_once_make_one_store_and_say_nothing(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "PIGEONHOLE"))}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _QUIET, str(tmp_path / "w"), model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for model in ("first", "second")
    ]
    for process in processes:
        process.stdin.write("g")
        process.stdin.flush()
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [errors for _, errors in said] == ["", ""]
    client = open_client(Workspace(tmp_path / "w"))
    assert {client.get_run(out.strip()).info.status for out, _ in said} == {"FINISHED"}


def test_importing_the_room_loads_no_mlflow():
    code = "import sys, pigeonhole.tracking; from pigeonhole.tracking import Runs; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_moved_workspace_is_followed(tmp_path, workspace, finished):
    mlflow_id = sync(workspace, finished)
    moved = workspace.root.rename(tmp_path / "else where")
    there = Workspace(moved)
    client = open_client(there)
    assert artifacts_of(client, mlflow_id) == {"run.json", "history.jsonl", "plots"}
    with Runs(there).write(finished.id) as run:
        run.add_metrics({"later": 1.0})
    assert sync(there, Runs(there).get(finished.id)) == mlflow_id
    assert not list(workspace.root.rglob("*"))
    assert store.local_path(client.get_run(mlflow_id).info.artifact_uri).is_relative_to(moved)


_OPENING = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.store import open_client
open_client(Workspace(Path(sys.argv[1])))
"""


@pytest.mark.full
def test_a_kill_while_the_store_is_made_leaves_none_or_a_whole_one(fresh):
    for tenth in range(12):
        with subprocess.Popen([sys.executable, "-c", _OPENING, str(fresh.root)]) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.8 + tenth / 10)
            process.kill()
    assert open_client(fresh).search_registered_models(max_results=1) == []
    assert list(fresh.root.glob(".staging-*")) == []
