from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_networks import SPEC

from pigeonhole import models
from pigeonhole.core.errors import NotFoundError, SpecError
from pigeonhole.models import presets


def test_parameters_reach_layers_and_training():
    spec = models.resolve("cnn", {"dropout": 0.25, "learning_rate": 0.1, "epochs": 3})
    assert {"dropout": {"rate": 0.25}} in spec.layers
    assert spec.training.optimizer.learning_rate == 0.1
    assert spec.training.epochs == 3


def test_fields_of_training_are_laid_over_the_preset():
    spec = models.resolve("cnn", {"optimizer": {"momentum": 0.8}, "ema_decay": 0.5, "precision": "fp32"})
    assert spec.training.optimizer.momentum == 0.8
    assert spec.training.optimizer.nesterov is True
    assert (spec.training.ema_decay, spec.training.precision) == (0.5, "fp32")


def test_a_recipe_of_augmentation_is_kept_as_numbers():
    assert models.resolve("cnn", {"augment": "none"}).training.augment.rotate_degrees == 0
    light = models.resolve("cnn", {"augment": "affine-light"}).to_dict()["training"]["augment"]
    assert light["rotate_degrees"] > 0


def test_all_problems_come_at_once_with_the_closest_names():
    with pytest.raises(SpecError) as caught:
        models.resolve(
            "cnn",
            {
                "epoch": 3,
                "batch_size": "many",
                "label_smoothing": 0.7,
                "augment": "afine-light",
                "optimizer": {"momentm": 1},
            },
        )
    text = caught.value.received
    assert "epoch: unknown (did you mean 'epochs'?)" in text
    assert "batch_size: received 'many'; a whole number is accepted" in text
    assert "label_smoothing: received 0.7; 0 to 0.5 is accepted" in text
    assert "did you mean 'affine-light'" in text
    assert "optimizer.momentm: unknown key (did you mean 'momentum'?)" in text
    assert "5 problems" in text
    assert "learning_rate" in caught.value.accepted


def test_an_unknown_preset_gets_a_suggestion():
    with pytest.raises(NotFoundError, match="did you mean 'cnn'"):
        models.resolve("cnnn", {})


@pytest.mark.parametrize(
    ("settings", "kept"),
    [({"epochs": 3.0}, 3), ({"epochs": 2}, 2)],
)
def test_a_whole_number_may_be_written_as_a_float(settings, kept):
    value = models.resolve("cnn", settings).parameters["epochs"]
    assert value == kept
    assert type(value) is int


@pytest.mark.parametrize("value", [True, 1.5, None, [1], "1", float("nan"), 0, -1])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(SpecError, match="epochs: received"):
        models.resolve("cnn", {"epochs": value})


@given(st.sampled_from(presets.names()), st.floats(allow_nan=True))
def test_a_number_is_taken_in_its_range_and_refused_elsewhere(key, value):
    for parameter in presets.get(key).parameters:
        if type(parameter.default) is not float:
            continue
        inside = parameter.low <= value <= parameter.high
        try:
            assert models.resolve(key, {parameter.name: value}).parameters[parameter.name] == value
            assert inside
        except SpecError:
            assert not inside


def test_a_users_file_has_its_lines_named(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(SPEC.replace("dropout: 0.3", "dropot: 0.3").replace("filters: 8", "filters: none"))
    with pytest.raises(SpecError) as caught:
        models.resolve(str(path), {})
    text = caught.value.received
    assert "line 8: layer 1 (conv2d)" in text
    assert "line 12: layer 5: unknown layer 'dropot' (did you mean 'dropout'?)" in text


def test_a_reference_to_no_parameter_is_named(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(SPEC.replace("$epochs", "$epoch"))
    with pytest.raises(SpecError, match=r"\$epoch: no such parameter \(did you mean 'epochs'\?\)"):
        models.resolve(str(path), {})


@pytest.mark.parametrize("text", ["type: network\n", "type: estimator\nlayers: [flatten]\n", "type: none\n", "- 1\n"])
def test_what_is_no_preset_is_refused(tmp_path, text):
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(SpecError):
        models.resolve(str(path), {})


def test_an_estimators_settings_are_checked(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("type: estimator\nestimator: {name: logistic-regresion}\n")
    with pytest.raises(SpecError, match="did you mean 'logistic-regression'"):
        models.resolve(str(path), {})
    path.write_text("type: estimator\nestimator: {name: logistic-regression, Cs: 1}\n")
    with pytest.raises(SpecError, match=r"estimator\.Cs: unknown setting"):
        models.resolve(str(path), {})


def test_resolving_and_summarizing_load_no_framework():
    code = (
        "import sys; from pigeonhole import models;"
        "models.summarize(models.resolve('cnn', {}), (28, 28, 1), 10); models.resolve('logistic-regression', {});"
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'onnx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
