"""Sweeps of presets: trials are runs like any other, and no two of them are mistaken for each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import pigeonhole as ph
from pigeonhole import tracking
from pigeonhole.core.errors import BudgetError, ConflictError, NotFoundError, SpecError, TrainingError
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.study import own_study
from pigeonhole.tracking.store import open_client
from pigeonhole.workflows.trials import train_preset

TINY: dict[str, Any] = {
    "type": "sweep",
    "name": "tiny",
    "inputs": {"data": "digits"},
    "trial": {"model": "mlp-128", "settings": {"epochs": 2}},
    # Learns next to nothing at the least rate.
    "search_space": {
        "learning_rate": {"type": "choice", "values": [0.003, 1e-6]},
        "hidden": {"type": "choice", "values": [8]},
    },
    "sampling_algorithm": "grid",
    "objective": {"goal": "maximize", "primary_metric": "validation_acc"},
    "early_termination": {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 1},
    "limits": {"max_total_trials": 8, "max_concurrent_trials": 2},
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    space = Workspace(tmp_path_factory.mktemp("sweeps") / ".pigeonhole")
    ph.ingest("mnist-5k", name="digits", workspace=space)
    return space


class Scripted:
    """The other end of a trial's conversation: notes what is said, and answers as it was told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[Mapping[str, Any]] = []
        self.asked = 0
        self._stop_at = stop_at

    def report(self, record: Mapping[str, Any]) -> None:
        self.said.append(record)

    def ask(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        self.said.append(record)
        self.asked += 1
        return {"stop": "too slow a learner"} if self.asked == self._stop_at else {"go": True}

    def values(self, metric: str) -> list[float]:
        return [record["metrics"][metric] for record in self.said if metric in record.get("metrics", {})]


def trial(space: Workspace, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "workspace": str(space.root),
        "trial": f"by-hand/{number}",
        "dataset": "digits:1",
        "model": "logistic-regression",
        "settings": {},
        "seed": 0,
        "asks": True,
        "exports": False,
        **changes,
    }


def test_a_sweep_of_a_preset(digits: Workspace) -> None:
    outcome = ph.sweep(TINY, workspace=digits)
    assert (outcome.status, outcome.counts) == ("Completed", {"Completed": 1, "Terminated": 1})
    best, stopped = outcome.trials
    assert outcome.best == best
    assert outcome.metrics == ("validation_accuracy",)
    assert best.objectives == [max(best.reports)]
    assert len(stopped.reports) == 1
    assert "bandit" in str(stopped.reason)
    assert outcome.seconds_saved

    # The best trial is a run like any other; the stopped one is no finished run, and says why.
    assert outcome.run_id is not None
    summary = ph.run(outcome.run_id, workspace=digits)
    assert (summary.status, summary.settings["learning_rate"]) == ("Completed", 0.003)
    canceled = tracking.Runs(digits).get(str(stopped.run_id))
    assert (canceled.status, canceled.record["canceled_because"]) == ("Canceled", stopped.reason)
    client = open_client(digits)
    assert client.get_run(canceled.mlflow_run_id).info.status == "KILLED"
    assert client.get_run(summary.mlflow_run_id).data.tags["pigeonhole.trial"] == f"{outcome.sweep}/0"

    runs = [run.run_id for run in ph.list_runs(workspace=digits)]
    again = ph.sweep({**TINY, "name": "renamed", "description": "the same"}, workspace=digits)
    assert again == outcome
    assert [run.run_id for run in ph.list_runs(workspace=digits)] == runs


@pytest.mark.full
def test_a_sweep_that_another_process_runs_is_refused(digits: Workspace) -> None:
    spec = {**TINY, "limits": {"max_total_trials": 1}, "trial": {"model": "mlp-128", "settings": {"epochs": 1}}}
    first = ph.sweep(spec, workspace=digits)
    with own_study(digits, first.sweep, ["maximize"]), pytest.raises(ConflictError, match=first.sweep):
        ph.sweep(spec, workspace=digits)


@pytest.mark.full
def test_two_trials_with_the_same_values_are_two_runs(digits: Workspace) -> None:
    one, two = (train_preset(trial(digits, number), Scripted()) for number in (0, 1))
    assert one["run_id"] != two["run_id"]
    assert one["metrics"]["validation_accuracy"] == two["metrics"]["validation_accuracy"]


@pytest.mark.full
def test_a_trial_that_was_trained_and_not_written_down_is_not_trained_again(digits: Workspace) -> None:
    first, again = Scripted(), Scripted()
    trained = train_preset(trial(digits, 2), first)
    folder = tracking.Runs(digits).get(trained["run_id"]).folder
    bundle = (folder / "bundle" / "model.onnx").stat().st_mtime_ns
    assert train_preset(trial(digits, 2), again) == trained
    assert (folder / "bundle" / "model.onnx").stat().st_mtime_ns == bundle
    assert again.values("validation_accuracy") == first.values("validation_accuracy")


@pytest.mark.full
def test_a_users_own_training_is_none_of_a_sweep(digits: Workspace) -> None:
    trained = train_preset(trial(digits, 3), Scripted())
    assert ph.train("digits", model="logistic-regression", workspace=digits).run_id != trained["run_id"]


@pytest.mark.full
def test_a_stopped_trial_goes_on_from_where_it_was_and_is_told_again(digits: Workspace) -> None:
    network = {"model": "mlp-128", "settings": {"epochs": 3, "hidden": 8}}
    first, again = Scripted(stop_at=2), Scripted(stop_at=2)
    stopped = train_preset(trial(digits, 4, **network), first)
    assert train_preset(trial(digits, 4, **network), again)["run_id"] == stopped["run_id"]
    # The same figures, seconds included: nothing was trained, only told.
    assert again.said == first.said
    assert len(first.values("validation_loss")) == 2


@pytest.mark.full
def test_objectives_of_the_exported_model(digits: Workspace) -> None:
    outcome = ph.sweep(
        {
            **TINY,
            "trial": {"model": "logistic-regression"},
            "search_space": {"C": {"type": "choice", "values": [0.01, 1.0]}},
            "objective": [
                {"goal": "maximize", "primary_metric": "validation_accuracy"},
                {"goal": "minimize", "primary_metric": "bundle_size_bytes"},
            ],
            "early_termination": None,
        },
        workspace=digits,
    )
    assert all(trial.objectives and trial.objectives[1] for trial in outcome.trials)
    assert any(trial.on_front for trial in outcome.trials)
    assert outcome.best.on_front


LARGE = """
type: network
parameters: {size: {default: 40, meaning: of the kernel}}
layers: [{conv2d: {filters: 1, kernel_size: $size}}, flatten, {dense: {units: $classes, activation: softmax}}]
"""


def test_a_sweep_in_which_nothing_works_raises_with_the_reasons(digits: Workspace, tmp_path: Path) -> None:
    (tmp_path / "large.yml").write_text(LARGE, encoding="utf-8")
    spec = {
        **TINY,
        "trial": {"model": str(tmp_path / "large.yml")},
        # Larger than the images, which only a trial sees.
        "search_space": {"size": {"type": "choice", "values": [40, 41]}},
    }
    for _ in range(2):
        with pytest.raises(TrainingError, match="none of its 2 trials ended well") as error:
            ph.sweep(spec, workspace=digits)
        assert "trial 1" in error.value.received


@pytest.mark.full
def test_without_time_there_is_no_result(digits: Workspace) -> None:
    spec = {**TINY, "name": "hasty", "trial": {"model": "cnn-hidden"}, "limits": {"max_total_trials": 1, "timeout": 1}}
    spec["search_space"] = {"epochs": {"type": "choice", "values": [1000]}}
    with pytest.raises(BudgetError, match="before a trial had ended"):
        ph.sweep(spec, workspace=digits)


def test_what_is_wrong_is_said_before_anything_runs(digits: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="letters"):
        ph.sweep({**TINY, "inputs": {"data": "letters"}}, workspace=digits)
    file = tmp_path / "wrong.yml"
    file.write_text("type: sweep\nsearch_space: {}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"wrong\.yml"):
        ph.sweep(file, workspace=digits)


@pytest.mark.full
def test_a_trial_that_takes_more_than_its_part_of_the_memory_fails_with_that_reason(
    digits: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pigeonhole.workflows.sweep.memory_share", lambda slots: 60 << 20)
    spec = {**TINY, "name": "hungry", "limits": {"max_total_trials": 1, "max_concurrent_trials": 1}}
    with pytest.raises(TrainingError, match="memory"):
        ph.sweep(spec, workspace=digits)
