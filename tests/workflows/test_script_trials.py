"""A user's script as a trial: real scripts, real processes, real MLflow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import pigeonhole as ph
from pigeonhole import tracking
from pigeonhole.compute import Job, LocalCompute, Outcome, Report
from pigeonhole.core.errors import GateError, SpecError
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.spec import render
from pigeonhole.workflows.script_listening import Heard
from pigeonhole.workflows.script_models import only_onnx_file, whole
from pigeonhole.workflows.script_trials import given_to, script_name

from . import script_sweeps

CRASHING = """
    import argparse, os, shutil, mlflow
    from helper import height
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float); parser.add_argument("--epochs", type=int); parser.add_argument("--out")
    given = parser.parse_args()
    assert os.environ["AZUREML_SWEEP_lr"] == str(given.lr)
    assert os.environ["GREETING"] == "it's me"
    mlflow.log_param("epochs", given.epochs)
    for epoch in range(1, given.epochs + 1):
        mlflow.log_metric("accuracy", height(given.lr) * epoch / given.epochs, step=epoch)
        if given.lr == 0.5 and epoch == 2:
            raise RuntimeError("out of luck")
    shutil.copy("helper.py", given.out)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A sweep of two trials, of which the second crashes; the code was changed once the sweep had begun."""
    folder = tmp_path_factory.mktemp("scripts")
    script_sweeps.write_script(folder, CRASHING)
    space = Workspace(folder / ".pigeonhole")
    trial = {**script_sweeps.SPEC["trial"], "environment_variables": {"GREETING": "it's me"}}

    class Editing:
        def on_trial(self, stored):
            (folder / "src" / "helper.py").write_text("raise SystemExit('this is not what the sweep began with')")

    return space, script_sweeps.run(space, script_sweeps.spec_in(folder, trial=trial), view=Editing())


def mlflow_of(space, stored):
    run = tracking.Runs(space).get(stored.run_id)
    return tracking.open_client(space).get_run(run.mlflow_run_id)


def test_what_a_script_logs_are_the_intervals_of_its_trial(ended):
    _, sweep = ended
    good, bad = sweep.trials
    assert (good.trial.state, good.trial.reports, good.trial.objectives) == ("Completed", (0.25, 0.5, 0.75), [0.75])
    assert good.metrics == {"accuracy": 0.75}
    assert (bad.trial.state, bad.trial.objectives) == ("Failed", None)
    assert bad.trial.reports == pytest.approx((1 / 6, 1 / 3))


def test_a_crash_is_told_with_the_end_of_the_log_and_is_failed_everywhere(ended):
    space, sweep = ended
    bad = sweep.trials[1]
    assert bad.trial.reason == "the command ended with exit code 1: RuntimeError: out of luck"
    assert 'train.py", line' in bad.traceback
    run = tracking.Runs(space).get(bad.run_id)
    assert run.status == "Failed"
    assert "out of luck" in run.record["error"]["message"]
    assert mlflow_of(space, bad).info.status == "FAILED"


def test_a_finished_trial_is_a_run_like_any_other(ended):
    space, sweep = ended
    run = tracking.Runs(space).get(sweep.trials[0].run_id)
    assert run.status == "Completed"
    assert run.metrics == {"accuracy": 0.75}
    assert run.record["trial"] == "scripts/0"
    assert run.command().startswith("python train.py --lr 0.25 --epochs 3 --out ")
    assert (run.folder / "outputs" / "model" / "helper.py").is_file()
    mirrored = mlflow_of(space, sweep.trials[0])
    assert (mirrored.info.status, mirrored.info.run_name) == ("FINISHED", run.id)
    assert mirrored.data.params == {"epochs": "3", "lr": "0.25"}
    assert ph.run(run.id, workspace=space).settings == {"lr": 0.25}


def test_a_run_without_a_model_or_without_a_dataset_says_what_it_lacks(ended):
    space, sweep = ended
    run = sweep.trials[0].run_id
    with pytest.raises(GateError, match="no dataset of this workspace") as error:
        ph.evaluate(run, workspace=space)
    assert "--samples FOLDER" in error.value.remedy
    found = tracking.Runs(space).get(run)
    outputs = found.folder / "outputs" / "model"
    (outputs / "model.pkl").write_bytes(b"pickled")
    with pytest.raises(GateError, match=r"left no ONNX model but\n.*model\.pkl") as error:
        only_onnx_file(found)
    assert "run code" in error.value.accepted
    for name in ("one.onnx", "same.onnx"):
        (outputs / name).write_bytes(b"1")
    assert only_onnx_file(found).name == "one.onnx"
    (outputs / "two.onnx").write_bytes(b"2")
    with pytest.raises(GateError, match="left 2 ONNX models"):
        only_onnx_file(found)


def test_weights_beside_a_model_are_taken_in_and_weights_elsewhere_are_not(tmp_path):
    weights = numpy_helper.from_array(np.ones((784, 10), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["images", "w"], ["probs"])],
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 784])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 10])],
        [weights],
    )
    path = tmp_path / "model.onnx"
    onnx.save_model(helper.make_model(graph), str(path), save_as_external_data=True, location="w.data")
    taken = onnx.load(str(whole(path, tmp_path / "whole.onnx")), load_external_data=False)
    assert numpy_helper.to_array(taken.graph.initializer[0]).sum() == 7840
    assert whole(tmp_path / "whole.onnx", tmp_path / "again.onnx") == tmp_path / "whole.onnx"
    evil = onnx.load(str(path), load_external_data=False)
    evil.graph.initializer[0].external_data[0].value = "../../etc/passwd"
    path.write_bytes(evil.SerializeToString())
    with pytest.raises(GateError, match="passwd"):
        whole(path, tmp_path / "evil.onnx")


def test_every_input_that_is_not_there_is_refused_at_once(tmp_path, space):
    script_sweeps.write_script(tmp_path)
    (tmp_path / "images").mkdir()
    inputs = {
        "epochs": 3,
        "here": {"type": "uri_folder", "path": "images"},
        "digits": {"type": "uri_folder", "path": "azureml:digits:1"},
        "other": {"type": "uri_folder", "path": "azureml:other:1"},
    }
    spec = script_sweeps.spec_in(tmp_path, inputs=inputs)
    with pytest.raises(SpecError) as error:
        given_to(space, spec)
    assert "inputs.digits" in str(error.value)
    assert "inputs.other" in str(error.value)


def test_code_and_data_are_part_of_what_a_sweep_is(tmp_path, space):
    script_sweeps.write_script(tmp_path)
    (tmp_path / "images").mkdir()
    inputs = {"epochs": 3, "data": {"type": "uri_folder", "path": "images"}}
    spec = script_sweeps.spec_in(tmp_path, inputs=inputs)
    first = given_to(space, spec)
    assert given_to(space, spec) == first
    (tmp_path / "images" / "one.png").write_bytes(b"1")
    second = given_to(space, spec)
    script_sweeps.write_script(tmp_path, "print('another')")
    third = given_to(space, spec)
    assert len({spec.identity(given) for given in (first, second, third)}) == 3


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --lr 1", "train.py"),
        ("bash ./run/all.sh", "all.sh"),
        ("python -m trainer.main", "python"),
        ("/opt/bin/fit", "fit"),
    ],
)
def test_a_run_is_named_after_its_script(command, name):
    assert script_name(command) == name


@pytest.mark.parametrize("frame", ["%s", "'%s'", '"%s"', "'it'\\''s %s'", '"\\"%s"', "'a\\' %s", "x%sy"])
@pytest.mark.parametrize(
    "value", ["plain", "two words", "$(touch hacked) `touch hacked`", "it's", '"', "\\", "a;b&c|d", ""]
)
def test_a_shell_takes_a_value_as_it_is_in_quotes_or_out_of_them(frame, value, tmp_path):
    command = "printf '%s' " + frame.replace("%s", "${{search_space.x}}")
    line = render(command, {"search_space": {"x": value}})
    said = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert value in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shell(tmp_path_factory, ended):
    """Shell commands as scripts' jobs; what a script would log the test logs itself."""
    space, _ = ended
    client = tracking.open_client(space)
    folder = tmp_path_factory.mktemp("shell")

    def job(heard, name, command):
        run = tracking.Runs(space).start_or_continue(
            {"kind": "script"}, model=name, dataset="", dataset_sha256="", seed=0, trial=name
        )
        attempt = tracking.ScriptRun(client, space, run, "shell")
        heard.expect(attempt, {"x": 1})
        environment = attempt.environment(space.mlflow_uri)
        heard.submit(Job(name, folder / name, command=command, working_folder=folder, environment=environment))
        return attempt

    return client, job


def until_outcome(heard):
    events = []
    while not any(isinstance(event, Outcome) for event in events):
        events += heard.events(10.0)
    return events


def status_of(client, attempt):
    return client.get_run(attempt.mlflow_id).info.status


def test_what_is_logged_is_told_while_the_script_runs_and_a_stopped_one_is_killed_in_mlflow(shell):
    client, job = shell
    with LocalCompute(1, grace_s=1.0) as compute, Heard("loss", poll_s=0.01).on(compute) as heard:
        attempt = job(heard, "stopped", "sleep 600")
        client.log_metric(attempt.mlflow_id, "loss", 0.5, step=1)
        events = list(heard.events(10.0))
        while len(events) < 2:
            events += heard.events(10.0)
        assert events == [
            Report("stopped", {"run_id": attempt.run.id}),
            Report("stopped", {"metrics": {"loss": 0.5}}),
        ]
        client.log_metric(attempt.mlflow_id, "loss", 0.4, step=2)
        heard.cancel("stopped")
        *reports, outcome = until_outcome(heard)
    assert [report.record for report in reports] == [{"metrics": {"loss": 0.4}}]
    assert (outcome.state, outcome.value["metrics"]) == ("Canceled", {"loss": 0.4})
    assert (status_of(client, attempt), attempt.run.status) == ("KILLED", "Canceled")


def test_a_script_that_is_killed_from_outside_can_be_gone_on_with(shell):
    client, job = shell
    with LocalCompute(1, grace_s=1.0) as compute, Heard("loss", poll_s=0.01).on(compute) as heard:
        attempt = job(heard, "lost", "kill -9 $$")
        outcome = until_outcome(heard)[-1]
        assert (outcome.state, status_of(client, attempt)) == ("Lost", "KILLED")
        again = job(heard, "lost", "true")
        assert again.run.id == attempt.run.id
        assert until_outcome(heard)[-1].state == "Completed"
    assert (status_of(client, again), again.run.status) == ("FINISHED", "Completed")


def test_what_still_runs_when_a_sweep_ends_is_killed_and_can_be_gone_on_with(shell):
    client, job = shell
    with LocalCompute(1, grace_s=1.0) as compute, Heard("loss").on(compute) as heard:
        attempt = job(heard, "cut", "sleep 600")
    assert (status_of(client, attempt), attempt.run.status) == ("KILLED", "NotResponding")


# What follows takes seconds of starting Python and MLflow for every trial.

CHECKPOINTING = """
    import argparse, os, pathlib, sys, time, mlflow
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float); parser.add_argument("--epochs", type=int); parser.add_argument("--out")
    given = parser.parse_args()
    checkpoint = pathlib.Path(given.out, "epoch")
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    with pathlib.Path(given.out, "starts").open("a") as starts: starts.write(f"{done}\\n")
    for epoch in range(done + 1, given.epochs + 1):
        mlflow.log_metric("accuracy", (1 - given.lr) * epoch / given.epochs, step=epoch)
        checkpoint.write_text(str(epoch))
        if given.lr == 0.5 and epoch == 2 and done == 0:
            time.sleep(600)
"""
OWNER = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from tests.workflows import script_sweeps
folder = Path(sys.argv[1])
class Telling:
    def on_trial(self, stored):
        print(stored.trial.number, stored.trial.state, len(stored.trial.reports), flush=True)
script_sweeps.run(Workspace(folder / ".pigeonhole"), script_sweeps.spec_in(folder), view=Telling())
"""


@pytest.mark.full
def test_a_sweep_that_is_killed_goes_on_with_its_scripts(tmp_path, space):
    script_sweeps.write_script(tmp_path, CHECKPOINTING)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), str(root / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    told = set()
    # Killed where the first trial has ended, and the second has told two of its three intervals.
    for line in owner.stdout:
        told.add(line.strip())
        if {"0 Completed 3", "1 Running 2"} <= told:
            break
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    sweep = script_sweeps.run(space, script_sweeps.spec_in(tmp_path))
    assert [stored.trial.state for stored in sweep.trials] == ["Completed", "Completed"]
    assert sweep.trials[1].trial.reports == pytest.approx((1 / 6, 1 / 3, 1 / 2))
    first, second = (tracking.Runs(space).get(stored.run_id) for stored in sweep.trials)
    assert (first.folder / "outputs/model/starts").read_text() == "0\n"
    assert (second.folder / "outputs/model/starts").read_text() == "0\n2\n"
    client = tracking.open_client(space)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    attempts = client.search_runs(experiments, "tags.`pigeonhole.trial` = 'scripts/1'", order_by=["start_time ASC"])
    assert [attempt.info.status for attempt in attempts] == ["KILLED", "FINISHED"]
    assert attempts[1].info.run_id == second.mlflow_run_id


@pytest.mark.full
def test_a_script_that_never_logs_the_metric_stops_the_sweep_and_is_told_what_it_did_log(tmp_path, space):
    script_sweeps.write_script(
        tmp_path, "import mlflow\nmlflow.log_metric('acuracy', 0.5)\nmlflow.log_metric('loss', 1)"
    )
    with pytest.raises(SpecError, match=r"did you mean 'acuracy'\?") as error:
        script_sweeps.run(space, script_sweeps.spec_in(tmp_path))
    assert "acuracy, loss" in error.value.accepted


@pytest.mark.full
def test_a_policy_stops_a_script(tmp_path, space):
    script = script_sweeps.SCRIPT.replace('print("done")', "import time; time.sleep(600 if given.lr == 0.9 else 0)")
    script_sweeps.write_script(tmp_path, script)
    spec = script_sweeps.spec_in(
        tmp_path,
        search_space={"lr": {"type": "choice", "values": [0.1, 0.9]}},
        early_termination={"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 1},
    )
    stopped = script_sweeps.run(space, spec).trials[1]
    assert (stopped.trial.state, len(stopped.trial.reports)) == ("Terminated", 1)
    assert mlflow_of(space, stopped).info.status == "KILLED"


ONNX = """
    import argparse, mlflow, numpy as np, onnx, pathlib, shutil
    from onnx import TensorProto, helper, numpy_helper
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float); parser.add_argument("--epochs"); parser.add_argument("--out")
    given = parser.parse_args()
    weight = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32) / 50
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["images", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["probs"])],
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 784])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    mlflow.log_metric("accuracy", given.lr)
    mlflow.onnx.log_model(model, name="model")
"""


@pytest.mark.full
def test_a_model_that_mlflow_keeps_for_the_script_is_found(tmp_path, space):
    ph.ingest("mnist-5k", name="digits", workspace=space)
    script_sweeps.write_script(tmp_path, ONNX)
    inputs = {"epochs": 1, "data": {"type": "uri_folder", "path": "azureml:digits:1"}}
    limits = {"max_total_trials": 1}
    sweep = script_sweeps.run(space, script_sweeps.spec_in(tmp_path, inputs=inputs, limits=limits))
    assert sweep.trials[0].trial.state == "Completed"
    run = sweep.trials[0].run_id
    found = only_onnx_file(tracking.Runs(space).get(run))
    assert found.is_relative_to(space.root / "mlruns")
    assert ph.evaluate(run, workspace=space).accuracy.value < 0.4
    assert ph.register(run, name="digits", workspace=space).run_id == run


@pytest.mark.full
def test_the_recipe_ends_with_a_registered_model(space):
    ph.ingest("mnist-5k", name="digits", workspace=space)
    recipe = Path(__file__).parents[2] / "recipes" / "sweep-script" / "sweep.yml"
    found = ph.sweep(recipe, workspace=space)
    assert found.best.objectives[0] > 0.9
    assert Path(found.report).is_file()
    assert ph.evaluate(found.run_id, workspace=space).accuracy.value > 0.85
    version = ph.register(found.run_id, name="digits", workspace=space)
    assert (version.run_id, version.dataset) == (found.run_id, "digits:1")
