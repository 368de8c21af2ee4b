from __future__ import annotations

import copy
import json

import pytest

from pigeonhole.core.errors import SpecError
from pigeonhole.sweep.policies import Bandit
from pigeonhole.sweep.spec import SweepSpec, read_sweep

PRESET = {
    "type": "sweep",
    "trial": {"model": "cnn-hidden", "settings": {"epochs": 3}},
    "inputs": {"data": "digits:2"},
    "search_space": {
        "batch_size": {"type": "choice", "values": [32, 64]},
        "learning_rate": {"type": "loguniform", "min_value": -6, "max_value": -1},
    },
    "objective": {"goal": "maximize", "primary_metric": "validation_acc"},
    "limits": {"max_total_trials": 8},
}
COMMAND = {
    "type": "sweep",
    "trial": {"command": "python train.py --lr ${{search_space.lr}} --data ${{inputs.data}}", "code": "src"},
    "inputs": {"data": {"type": "uri_folder", "path": "azureml:digits:3"}},
    "search_space": {"lr": {"type": "uniform", "min_value": 0.1, "max_value": 1}},
    "objective": {"goal": "minimize", "primary_metric": "loss"},
    "limits": {"max_total_trials": 4, "max_concurrent_trials": 2},
}


def changed(spec, **parts):
    """The spec with values at places like `trial__settings__epochs`; `None` takes one out."""
    spec = copy.deepcopy(spec)
    for path, value in parts.items():
        *sections, last = path.split("__")
        target = spec
        for section in sections:
            target = target[section]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return spec


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path


def test_a_spec_of_azures_tutorial_means_what_it_says(tmp_path):
    path = tmp_path / "sweep.yml"
    path.write_text(
        """
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
experiment_name: tf-dnn-image-classify
trial: {model: mlp-256-128}
inputs: {data: {type: uri_folder, path: "azureml:mnist@latest"}}
sampling_algorithm: {type: random, seed: 1, rule: sobol}
search_space:
  batch_size: {type: choice, values: [32, 64, 128]}
  learning_rate: {type: loguniform, min_value: -6, max_value: -1}
objective: {goal: Maximize, primary_metric: validation_acc}
limits: {max_total_trials: 8, max_concurrent_trials: 4, timeout: 7200, trial_timeout: 1800}
early_termination: {type: bandit, slack_factor: 0.1, evaluation_interval: 2, delay_evaluation: 0}
"""
    )
    spec = read_sweep(path)
    assert (spec.dataset, spec.model, spec.seed, spec.training_seed) == ("mnist@latest", "mlp-256-128", 1, 1)
    assert (spec.metrics, spec.goals, spec.concurrent) == (("validation_accuracy",), ("maximize",), 4)
    assert spec.policy() == Bandit(slack_factor=0.1, evaluation_interval=2, delay_evaluation=0)
    assert spec.sampler().suggest(0, []).keys() == {"batch_size", "learning_rate"}
    assert spec.notes[0].startswith("search_space.learning_rate: loguniform from -6 to -1 means values from e^-6")
    assert spec.folder == tmp_path


def test_a_spec_survives_the_way_through_json():
    for spec in (read_sweep(PRESET), read_sweep(changed(PRESET, sampling_algorithm="coarse_to_fine", **COARSE))):
        again = read_sweep(json.loads(json.dumps(spec.to_dict())))
        assert again.to_dict() == spec.to_dict()
        assert again.identity({}) == spec.identity({})


COARSE = {"limits__max_total_trials": 30, "early_termination": {"type": "median-stopping"}}


def test_what_is_not_said_has_a_default():
    spec = read_sweep(PRESET)
    assert (spec.sampling_algorithm.type, spec.seed, spec.concurrent, spec.policy()) == ("random", 0, None, None)
    assert (
        read_sweep(changed(PRESET, trial__seed=5, sampling_algorithm={"type": "random", "seed": 2})).training_seed == 5
    )


def test_bayesian_goes_one_by_one_where_nothing_is_said_and_says_so():
    plain = {"search_space__learning_rate": None, "sampling_algorithm": "bayesian"}
    spec = read_sweep(changed(PRESET, **plain))
    assert spec.concurrent == 1
    assert any("one runs at a time" in note for note in spec.notes)
    spec = read_sweep(changed(PRESET, **plain, limits__max_concurrent_trials=3))
    assert spec.concurrent == 3
    assert spec.sampler().waits_for(7) == 5


def test_a_section_of_the_training_is_searched_as_a_nested_choice():
    optimizers = [
        {"name": "sgd", "learning_rate": 0.05, "momentum": {"type": "uniform", "min_value": 0, "max_value": 0.95}},
        {"name": "adam"},
    ]
    spec = read_sweep(changed(PRESET, search_space={"optimizer": {"type": "choice", "values": optimizers}}))
    drawn = [spec.sampler().suggest(n, [])["optimizer"] for n in range(8)]
    assert {value["name"] for value in drawn} == {"sgd", "adam"}
    assert all(0 <= value["momentum"] <= 0.95 for value in drawn if value["name"] == "sgd")
    optimizers[0]["momentum"]["max_value"] = 3
    with pytest.raises(SpecError, match="momentum"):
        read_sweep(changed(PRESET, search_space={"optimizer": {"type": "choice", "values": optimizers}}))


def test_several_objectives_in_order():
    both = [
        {"goal": "maximize", "primary_metric": "validation_accuracy"},
        {"goal": "minimize", "primary_metric": "bundle_size_bytes"},
    ]
    spec = read_sweep(changed(PRESET, objective=both))
    assert spec.metrics == ("validation_accuracy", "bundle_size_bytes")
    assert spec.goals == ("maximize", "minimize")


def test_paths_start_at_the_folder_of_the_file(folder):
    (folder / "sweep.yml").write_text(json.dumps(COMMAND))
    spec = read_sweep(folder / "sweep.yml")
    assert spec.code == folder / "src"
    assert spec.command.command == COMMAND["trial"]["command"]
    assert (spec.model, spec.dataset, spec.preset) == (None, None, None)


def test_what_is_of_use_on_azure_only_is_said(folder):
    spec = changed(COMMAND, compute="azureml:gpu", trial__environment="azureml:tf@latest", limits__timeout=30)
    notes = " ".join(read_sweep(spec, folder=folder).notes)
    assert "compute, trial.environment: of use on Azure ML only" in notes
    assert "limits.timeout: 30 s holds here; Azure ML raises it to 60 s" in notes
    assert not read_sweep(changed(COMMAND, compute="local"), folder=folder).notes


def test_the_old_form_of_expressions_is_read_with_a_note(folder):
    spec = changed(COMMAND, trial__command="python train.py --lr {search_space.lr}")
    assert "is an old one" in " ".join(read_sweep(spec, folder=folder).notes)


SAME = {
    "names": {"name": "a", "display_name": "b", "experiment_name": "c", "description": "d", "tags": {"e": "f"}},
    "azure's": {"compute": "local", "properties": {"a": "b"}},
    "timeout": {"limits__timeout": 100},
    "at a time": {"limits__max_concurrent_trials": 3},
    "a default written out": {"sampling_algorithm": {"type": "random", "seed": 0, "rule": "random"}},
    "the metric's other name": {"objective__primary_metric": "validation_accuracy"},
}
OTHER = {
    "total": {"limits__max_total_trials": 9},
    "trial timeout": {"limits__trial_timeout": 9},
    "seed": {"sampling_algorithm": {"type": "random", "seed": 1}},
    "training seed": {"trial__seed": 1},
    "settings": {"trial__settings__epochs": 4},
    "dataset": {"inputs__data": "digits:3"},
    "goal": {"objective__goal": "minimize"},
    "space": {"search_space__batch_size__values": [32, 65]},
    "policy": {"early_termination": {"type": "bandit", "slack_factor": 0.1}},
}


@pytest.mark.parametrize("parts", SAME.values(), ids=SAME)
def test_what_changes_no_result_changes_no_identity(parts):
    assert read_sweep(changed(PRESET, **parts)).identity({"dataset": "x"}) == read_sweep(PRESET).identity(
        {"dataset": "x"}
    )


@pytest.mark.parametrize("parts", OTHER.values(), ids=OTHER)
def test_what_changes_a_result_makes_another_sweep(parts):
    assert read_sweep(changed(PRESET, **parts)).identity({}) != read_sweep(PRESET).identity({})


def test_identity_knows_contents_the_order_of_declaration_and_bayesian_concurrency():
    spec = read_sweep(PRESET)
    assert spec.identity({"dataset": "x"}) != spec.identity({"dataset": "y"})
    turned = {**PRESET, "search_space": dict(reversed(PRESET["search_space"].items()))}
    assert read_sweep(turned).identity({}) != spec.identity({})
    plain = {"search_space__learning_rate": None, "sampling_algorithm": "bayesian"}
    one, two = (read_sweep(changed(PRESET, **plain, limits__max_concurrent_trials=c)) for c in (1, 2))
    assert one.identity({}) != two.identity({})


def test_a_preset_of_ones_own_counts_with_its_content(tmp_path):
    preset = "type: network\nparameters:\n  units: {{default: {0}, low: 1, high: 99, meaning: units}}\nlayers:\n"
    layers = (
        "  - flatten\n  - dense: {units: $units, activation: relu}\n  - dense: {units: $classes, activation: softmax}\n"
    )
    spec = changed(PRESET, trial={"model": "own.yml"}, search_space={"units": {"type": "randint", "upper": 9}})
    identities = []
    for default in (3, 4):
        (tmp_path / "own.yml").write_text(preset.format(default) + layers)
        with pytest.raises(SpecError, match="randint can draw 0"):
            read_sweep(spec, folder=tmp_path)
        right = changed(spec, search_space__units={"type": "choice", "values": [3, 5]})
        identities.append(read_sweep(right, folder=tmp_path).identity({}))
    assert identities[0] != identities[1]


def test_a_spec_is_frozen():
    spec = read_sweep(PRESET)
    assert isinstance(spec, SweepSpec)
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"
