"""What is refused before anything runs, and that it is all said at once."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.core.errors import SpecError
from pigeonhole.sweep.spec import read_sweep

from .test_sweep_spec import COMMAND, PRESET, changed


def refusal(spec, folder=None):
    with pytest.raises(SpecError) as error:
        read_sweep(spec, folder=folder)
    return error.value.received


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "file.csv").write_text("1")
    return tmp_path


BANDIT = {"type": "bandit", "slack_factor": 0.1}
UNIFORM = {"type": "uniform", "min_value": 0.1, "max_value": 0.9}
SEVERAL = [
    {"goal": "maximize", "primary_metric": "validation_accuracy"},
    {"goal": "minimize", "primary_metric": "bundle_size_bytes"},
]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"trial": None}, "trial: field required"),
        ({"trial": {"settings": {}}}, "either model (a preset, and its settings) or command"),
        ({"trial": {"model": "cnn", "command": "x"}}, "either model"),
        ({"trial__model": "cnn-hiden"}, "did you mean 'cnn-hidden'?"),
        ({"trial__model": "absent.yml"}, "absent.yml"),
        ({"trial__setings": {}}, "trial.setings: unknown key (did you mean 'settings'?)"),
        ({"trial__settings": {"hiden": 3}}, "trial.settings.hiden: unknown (did you mean 'hidden'?)"),
        ({"trial__settings": {"epochs": 5000}}, "trial.settings.epochs: received 5000; 1 to 1000 is accepted"),
        ({"trial__settings": {"batch_size": 8}}, "batch_size is set in trial.settings as well"),
        ({"type": "sweap"}, "type: "),
        ({"type": None}, "type: field required"),
        ({"serch_space": {}}, "serch_space: unknown key (did you mean 'search_space'?)"),
        ({"search_space": {}}, "search_space: "),
        ({"search_space__learning_rat": UNIFORM}, "no parameter 'learning_rat' (did you mean 'learning_rate'?)"),
        ({"search_space__dropout": {**UNIFORM, "max_value": 1}}, "dropout: received 1.0; 0 to 0.9 is accepted"),
        (
            {"search_space__dropout": {"type": "normal", "mu": 0.4, "sigma": 0.3}},
            "search_space.dropout: normal can draw -2",
        ),
        (
            {"search_space__batch_size": UNIFORM},
            "batch_size is a whole number, and uniform draws others; take quniform",
        ),
        ({"search_space__batch_size__values": [32, 0]}, "one choice is 0, and batch_size: received 0; 1 to 8192"),
        ({"search_space__augment": {"type": "choice", "values": ["afine"]}}, "did you mean 'affine'?"),
        ({"search_space__batch-size": UNIFORM}, "letters, digits and _ are accepted"),
        ({"search_space__dropout": {**UNIFORM, "min_value": 1}}, "min_value 1 is not below max_value 0.9"),
        ({"search_space__dropout": {**UNIFORM, "min": 1}}, "search_space.dropout.min: unknown key"),
        ({"search_space__dropout": {"type": "unifrom"}}, "did you mean 'uniform'?"),
        ({"search_space__dropout": 0.5}, "a distribution is accepted"),
        ({"inputs": None}, "needs inputs: {data: NAME}"),
        ({"inputs": {"dta": "mnist"}}, "did you mean 'data'?"),
        ({"inputs": {"data": "mnist", "more": 1}}, "takes no input but data"),
        ({"inputs": {"data": 3}}, "the name of a dataset is accepted"),
        ({"inputs": {"data": {"path": "https://example.org/x.zip"}}}, "is not on this machine"),
        ({"outputs": {"model": {}}}, "take outputs out"),
        ({"objective__goal": "max"}, "input should be 'maximize' or 'minimize', received 'max'"),
        ({"objective__primary_metric": "validation_acuracy"}, "did you mean 'validation_accuracy'?"),
        (
            {"objective__primary_metric": "latency_ms", "early_termination": BANDIT},
            "after every epoch, by which a policy can judge",
        ),
        (
            {"objective__primary_metric": "test_accuracy"},
            "nothing is chosen by the test split; take validation_accuracy",
        ),
        ({"objective": []}, "no objective"),
        ({"objective": [PRESET["objective"], SEVERAL[0]]}, "is an objective already"),
        ({"objective": SEVERAL, "early_termination": BANDIT}, "a trial that is worse by one of several objectives"),
        ({"objective": SEVERAL, "sampling_algorithm": "coarse-to-fine"}, "several have no single best"),
        ({"limits": {}}, "limits.max_total_trials: field required"),
        ({"limits__max_total_trials": 0}, "greater than or equal to 1"),
        ({"limits__max_total_trials": 1001}, "less than or equal to 1000"),
        ({"limits__max_total_trials": True}, "valid integer"),
        ({"limits__max_concurrent_trials": 9}, "9 at a time are more than max_total_trials, 8"),
        ({"limits__timeout": "1h"}, "Azure ML drops a text like '1h' without a word"),
        ({"limits__trial_timeout": "20m"}, "trial_timeout is in seconds"),
        ({"limits__trial_timeout": 0}, "greater than or equal to 1"),
        ({"sampling_algorithm": "gird"}, "did you mean 'grid'?"),
        ({"sampling_algorithm": "grid"}, "search_space.learning_rate: loguniform: a grid would have no end"),
        ({"sampling_algorithm": "bayesian"}, "loguniform: bayesian sampling does not take it"),
        ({"sampling_algorithm": {"type": "random", "rule": "halton"}}, "'random' or 'sobol'"),
        ({"sampling_algorithm": {"type": "random", "logbase": 10}}, "sampling_algorithm.logbase"),
        ({"sampling_algorithm": "coarse-to-fine"}, "20 trials, and limits.max_total_trials is 8"),
        ({"early_termination": {"type": "bandid"}}, "did you mean 'bandit'?"),
        ({"early_termination": {"type": "bandit"}}, "exactly one of slack_factor and slack_amount"),
        ({"early_termination": {**BANDIT, "slack_amount": 1}}, "exactly one of slack_factor and slack_amount"),
        ({"early_termination": {"type": "bandit", "slack_factor": -1}}, "greater than or equal to 0"),
        ({"early_termination": {**BANDIT, "evaluation_interval": 0}}, "greater than or equal to 1"),
        ({"early_termination": {"type": "truncation_selection"}}, "truncation_percentage: field required"),
        (
            {"early_termination": {"type": "truncation_selection", "truncation_percentage": 150}},
            "less than or equal to 99",
        ),
        ({"tags": {"a": 1}}, "tags.a"),
    ],
)
def test_of_a_preset(parts, told):
    assert told in refusal(changed(PRESET, **parts))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"trial__command": "python train.py --lr ${{search_space.lrr}}"}, "is not declared (did you mean 'lr'?)"),
        (
            {"trial__command": "python train.py ${{inputs.data}}"},
            "search_space.lr: the command uses no ${{search_space.lr}}",
        ),
        (
            {"trial__command": "x ${{search_space.lr}} ${{inputs.dta}}"},
            "${{inputs.dta}} is not declared (did you mean 'data'?)",
        ),
        (
            {"trial__command": "x ${{search_space.lr}} ${{outputs.m}}"},
            "${{outputs.m}} is not declared; there is no outputs",
        ),
        ({"trial__command": "x ${{search_space.lr}} ${{input.data}}"}, "no such section (did you mean 'inputs'?)"),
        (
            {"trial__command": "x ${{search_space.lr}} ${{parent.inputs.data}}"},
            "${{parent.inputs.data}}: no such section",
        ),
        ({"trial__command": "x ${{search_space.lr}} ${{ data }}"}, "${{data}} is no expression"),
        ({"trial__command": "x ${{search_space.lr}} {inputs.dta}"}, "${{inputs.dta}} is not declared"),
        ({"trial__command": "x ${{search_space.lr}} $[[${{search_space.k}}]]"}, "${{search_space.k}} is not declared"),
        ({"trial__code": "source"}, "is no folder"),
        ({"trial__code": "azureml:code:1"}, "is not on this machine"),
        ({"inputs__data__path": "absent"}, "does not exist"),
        ({"inputs__data__path": "azureml://datastores/d/paths/p"}, "is not on this machine"),
        ({"inputs__data": {"type": "uri_file", "path": "src"}}, "is a folder, and type is uri_file"),
        ({"inputs__data": {"type": "uri_folder", "path": "file.csv"}}, "is a file, and type is uri_folder"),
        ({"inputs__data": {"type": "mltable", "path": "src"}}, "has no file MLTable"),
        ({"inputs__data__mode": "rw_mount"}, "inputs.data.mode"),
        ({"inputs__data": [1]}, "a mapping with a path is accepted"),
        (
            {"search_space__lr": {"type": "choice", "values": [True, False]}},
            "refused by Azure ML as values of a choice",
        ),
    ],
)
def test_of_a_command(parts, told, folder):
    assert told in refusal(changed(COMMAND, **parts), folder)


def test_bayesian_with_early_termination_is_refused_with_the_reason():
    parts = {"search_space__learning_rate": None, "sampling_algorithm": "bayesian", "early_termination": BANDIT}
    assert "learns from final values, which stopped trials do not have" in refusal(changed(PRESET, **parts))


MANY_MISTAKES = """\
type: sweep
trial:
  command: python train.py --lr ${{search_space.lrr}}
  code: absent
search_space:
  lr: {type: loguniform, min_value: -6, max_value: -1}
  layers: {type: choice, values: []}
sampling_algorithm: grid
objective: {goal: best, primary_metric: loss}
limits: {max_total_trials: 3, max_concurrent_trials: 4, timeout: 2h}
early_termination: {type: bandit, slack_factr: 0.1}
"""


def test_all_mistakes_of_all_parts_come_at_once_in_the_order_of_their_lines(tmp_path):
    (tmp_path / "sweep.yml").write_text(MANY_MISTAKES)
    told = refusal(tmp_path / "sweep.yml")
    assert "9 problems" in told
    starts = [line.split(":")[0].strip() for line in told.splitlines()[1:]]
    assert starts == [f"line {n}" for n in (3, 4, 6, 6, 7, 9, 10, 10, 11)]
    for part in (
        "line 3: trial.command: ${{search_space.lrr}} is not declared (did you mean 'lr'?)",
        "line 4: trial.code: ",
        "line 6: search_space.lr: loguniform: a grid would have no end",
        "line 6: search_space.lr: the command uses no",
        "line 7: search_space.layers.values: ",
        "line 9: objective.goal: ",
        "line 10: limits.max_concurrent_trials: 4 at a time",
        "line 10: limits.timeout: timeout is in seconds",
        "line 11: early_termination.slack_factr: unknown key (did you mean 'slack_factor'?)",
    ):
        assert part in told, part


def test_a_key_that_stands_twice_is_refused(tmp_path):
    text = json.dumps(PRESET)[:-1] + ', "objective": {"goal": "minimize", "primary_metric": "train_loss"}}'
    (tmp_path / "sweep.yml").write_text(text)
    assert "the key 'objective' was given before, on line 1" in refusal(tmp_path / "sweep.yml")


@pytest.mark.parametrize("text", ["", "- 1\n", "3\n", "type: sweep\n", "1: 2\n"])
def test_a_file_that_is_no_sweep_is_refused(text, tmp_path):
    (tmp_path / "sweep.yml").write_text(text)
    assert "problem" in refusal(tmp_path / "sweep.yml")


def places(value, path=()):
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


FULL = {
    **PRESET,
    "sampling_algorithm": {"type": "random", "seed": 1},
    "early_termination": BANDIT,
    "tags": {"a": "b"},
}
JUNK = [
    None,
    "",
    "x",
    "1e-3",
    0,
    -1,
    1.5,
    10**30,
    True,
    [],
    [1, "a"],
    [[]],
    {},
    {"type": "x"},
    {"type": []},
    {1: 2},
    {"a": {}},
]


@given(
    spec=st.sampled_from([FULL, changed(COMMAND, trial__code=None)]),
    data=st.data(),
    junk=st.lists(st.sampled_from(JUNK), min_size=1, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_spec_it_is_read_or_refused(spec, data, junk):
    spec = copy.deepcopy(spec)
    for value in junk:
        place = data.draw(st.sampled_from([path for path in places(spec) if path]))
        target = spec
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = copy.deepcopy(value)
    try:
        read = read_sweep(spec)
    except SpecError as error:
        assert error.received  # noqa: PT017 - both ways are right
    else:
        read.sampler().suggest(0, [])
