"""A script's run with MLflow itself: the script is the test's own client, which logs as a script would."""

from __future__ import annotations

import math

import pytest

from pigeonhole.tracking import Runs, ScriptRun, sync
from pigeonhole.tracking.store import open_client


@pytest.fixture
def client(workspace):
    return open_client(workspace)


@pytest.fixture
def attempt(workspace, client):
    """Begins the next attempt of one and the same trial."""

    def begin():
        run = Runs(workspace).start_or_continue(
            {"kind": "script"}, model="train.py", dataset="", dataset_sha256="", seed=0, trial="tried/0"
        )
        return ScriptRun(client, workspace, run, "tried", {"pigeonhole.trial": "tried/0"})

    return begin


def log(client, attempt, *steps, key="accuracy", high=0.0):
    for step in steps:
        client.log_metric(attempt.mlflow_id, key, high + step / 10, step=step)


def test_values_are_told_once_each_in_the_order_of_their_steps(client, attempt):
    one = attempt()
    assert one.news("accuracy") == []
    log(client, one, 2, 1)
    log(client, one, 7, key="loss")
    assert one.news("accuracy") == [0.1, 0.2]
    log(client, one, 3)
    assert one.news("accuracy") == [0.3]
    assert one.news("accuracy") == []
    assert one.figures() == {"accuracy": 0.3, "loss": 0.7}
    one.run.close()


def test_what_is_no_number_is_told_once_too(client, attempt):
    one = attempt()
    client.log_metric(one.mlflow_id, "accuracy", math.nan, step=1)
    (told,) = one.news("accuracy")
    assert math.isnan(told)
    assert one.news("accuracy") == []
    log(client, one, 2)
    assert one.news("accuracy") == [0.2]
    one.run.close()


def test_what_has_no_end_is_told_as_that(client, attempt):
    one = attempt()
    for step, value in ((1, math.inf), (2, -math.inf)):
        client.log_metric(one.mlflow_id, "accuracy", value, step=step)
    assert one.news("accuracy") == [math.inf, -math.inf]
    one.run.close()


def test_values_without_a_step_are_intervals_in_the_order_of_time(client, attempt):
    one = attempt()
    for at, value in ((10, 0.3), (20, 0.1), (30, 0.2)):
        client.log_metric(one.mlflow_id, "accuracy", value, timestamp=at, step=0)
    assert one.news("accuracy") == [0.3, 0.1, 0.2]
    one.run.close()


def test_a_script_that_goes_on_from_a_checkpoint_tells_what_it_had_logged_before(client, attempt):
    one = attempt()
    log(client, one, 1, 2, 3)
    one.run.close()
    two = attempt()
    log(client, two, 2, high=0.5)
    two.run.close()
    three = attempt()
    assert three.run.id == one.run.id
    log(client, three, 3, high=0.7)
    # Of step 2 the first that was logged stays; step 3 is said again by the attempt that is running.
    assert three.news("accuracy") == [0.1, 0.2, 1.0]
    log(client, three, 4)
    assert three.news("accuracy") == [0.4]
    three.run.close()


def test_an_attempt_that_was_killed_is_killed_in_mlflow_too_and_the_next_is_a_fresh_run(workspace, client, attempt):
    one = attempt()
    one.run.close()
    assert client.get_run(one.mlflow_id).info.status == "RUNNING"
    two = attempt()
    assert two.mlflow_id != one.mlflow_id
    assert client.get_run(one.mlflow_id).info.status == "KILLED"
    assert client.get_run(two.mlflow_id).info.status == "RUNNING"
    assert two.run.mlflow_run_id == two.mlflow_id
    two.end("FINISHED", {})
    two.run.finish({})
    two.run.close()
    assert sync(workspace, two.run) == two.mlflow_id
    assert client.get_run(one.mlflow_id).info.status == "KILLED"


def test_the_end_is_what_we_say_and_no_parameter_of_the_scripts_is_changed(workspace, client, attempt):
    one = attempt()
    client.log_param(one.mlflow_id, "lr", "0.10")
    client.log_param(one.mlflow_id, "seed", "the script's own")
    client.set_terminated(one.mlflow_id, "FINISHED")  # as MLflow does at the exit of a script that crashed
    one.end("FAILED", {"lr": 0.1, "layers": [1, 2], "name": "x"})
    one.run.finish({"test_accuracy": 0.5})
    one.run.close()
    sync(workspace, one.run)
    there = client.get_run(one.mlflow_id)
    assert there.data.params == {"lr": "0.10", "seed": "the script's own", "layers": "[1, 2]", "name": "x"}
    assert there.data.tags["pigeonhole.trial"] == "tried/0"
    assert there.data.metrics["test_accuracy"] == 0.5


def test_the_variables_by_which_mlflow_finds_the_run(workspace, client, attempt):
    one = attempt()
    variables = one.environment(workspace.mlflow_uri)
    assert variables["MLFLOW_RUN_ID"] == variables["AZUREML_RUN_ID"] == one.mlflow_id
    assert client.get_experiment(variables["MLFLOW_EXPERIMENT_ID"]).name == variables["MLFLOW_EXPERIMENT_NAME"]
    one.run.close()
