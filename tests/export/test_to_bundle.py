from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from pigeonhole import bundle, export, models
from pigeonhole.core.errors import GateError
from pigeonhole.export.components import PrincipalComponents
from pigeonhole.models import presets
from pigeonhole.testing.presets import fit, sample

SOFTMAX_REGRESSION = """
type: network
layers: [flatten, {dense: {units: $classes, activation: softmax}}]
training: {epochs: 1}
"""
EVERY_LAYER = """
type: network
layers:
  - pad_to: {height: 14, width: 13}
  - conv2d: {filters: 4, kernel_size: 2, padding: same, strides: 2, activation: gelu}
  - average_pooling2d: {pool_size: 2, strides: 1, padding: same}
  - max_pooling2d: {pool_size: 3, strides: 1, padding: same}
  - batch_normalization: {scale: false}
  - conv2d: {filters: 5, kernel_size: [1, 3], activation: leaky_relu}
  - flatten
  - dropout: 0.2
  - dense: {units: 7, activation: tanh}
  - batch_normalization
  - activation: elu
  - dense: $classes
  - activation: softmax
training: {epochs: 2}
"""
GLOBAL_AVERAGE = """
type: network
layers:
  - conv2d: {filters: 4, kernel_size: 3, activation: sigmoid}
  - global_average_pooling2d
  - dense: {units: $classes, activation: softmax}
training: {epochs: 1}
"""


# Networks of other layers than each other's; those of the other presets take the same way, and torch's export is slow.
EXPORTED = {"cnn-best", "cnn-tiny", "mlp-128"}
IN_COLOUR = {"cnn-tiny", "logistic-regression", "random-forest", "svm-rbf"}


def every_preset_in_grey_and_colour():
    """All of them with `full`; else those whose way through the export is their own."""
    for key in presets.names():
        for channels in (1, 3):
            own = presets.get(key).kind == "estimator" or key in EXPORTED
            kept = own and (channels == 1 or key in IN_COLOUR)
            yield pytest.param(key, channels, id=f"{key}-{channels}", marks=() if kept else pytest.mark.full)


def make(trained, data, folder, **changes):
    images, labels = data.train_images_NHWC, data.train_labels_N
    arguments = {
        "images_NHWC": images,
        "labels_N": labels,
        "expected_probs_NK": trained.probabilities(images),
        "training_images_NHWC": images,
        "calibration": {"temperature": 1.5},
        "lineage": {"run": "r1"},
    }
    return export.to_bundle(trained, folder=folder, **{**arguments, **changes})


@pytest.mark.parametrize(("key", "channels"), list(every_preset_in_grey_and_colour()))
def test_a_bundle_of_every_preset_answers_as_the_trained_model(tmp_path, key, channels):
    data = sample(60, side=11, channels=channels)
    trained = fit(key, data, tmp_path / "m")
    made = make(trained, data, tmp_path / "b")
    assert made.class_names == data.class_names
    assert made.calibration == {"temperature": 1.5}
    for batch in (1, 3, 45):
        prediction = bundle.load(tmp_path / "b").predict(data.train_images_NHWC[:batch])
        expected = trained.probabilities(data.train_images_NHWC[:batch])
        assert np.abs(prediction.probs_NK - expected).max() < 1e-4
        assert (prediction.probs_NK.argmax(axis=1) == expected.argmax(axis=1)).all()
        assert prediction.embedding_ND.shape == (batch, made.embedding_size)
    assert made.embedding_size > 1
    made.check_probe()


@pytest.mark.parametrize("text", [SOFTMAX_REGRESSION, EVERY_LAYER, GLOBAL_AVERAGE])
def test_every_layer_is_exported(tmp_path, text):
    (tmp_path / "mine.yml").write_text(text)
    data = sample(50, side=11)
    trained = models.fit(models.resolve(str(tmp_path / "mine.yml")), data, seed=0, folder=tmp_path / "m")
    made = make(trained, data, tmp_path / "b")
    assert made.lineage["verification"]["same_class"] == len(data.train_labels_N)


def test_the_manifest_says_what_was_verified_and_how_fast_it_is(tmp_path):
    data = sample()
    made = make(fit("logistic-regression", data, tmp_path / "m"), data, tmp_path / "b")
    assert made.lineage["run"] == "r1"
    assert made.lineage["verification"]["images"] == 30
    assert made.lineage["verification"]["largest_difference"] <= 1e-4
    assert made.lineage["performance"]["us_per_image_batch_1"] > 0


def test_a_class_without_training_images_keeps_its_place(tmp_path):
    whole = sample(60)
    there = whole.train_labels_N != 1
    data = models.TrainingData(
        whole.train_images_NHWC[there], whole.train_labels_N[there], None, None, whole.class_names
    )
    made = make(fit("logistic-regression", data, tmp_path / "m"), data, tmp_path / "b")
    assert (made.predict(whole.train_images_NHWC).probs_NK[:, 1] == 0).all()


@pytest.mark.parametrize("spoil", ["argmax", "probability", "nan"])
def test_an_export_that_says_something_else_is_refused_and_leaves_nothing(tmp_path, spoil):
    data = sample()
    trained = fit("logistic-regression", data, tmp_path / "m")
    expected = trained.probabilities(data.train_images_NHWC)
    if spoil == "argmax":
        expected[3] = np.roll(expected[3], 1)
    else:
        expected[3, 0] += np.nan if spoil == "nan" else 2e-4
    with pytest.raises(GateError, match="the largest difference in probability is"):
        make(trained, data, tmp_path / "b", expected_probs_NK=expected)
    assert list(tmp_path.iterdir()) == []


def test_the_graph_tells_nothing_of_the_machine_it_was_made_on(tmp_path):
    data = sample()
    made = make(fit("cnn-tiny", data, tmp_path / "m"), data, tmp_path / "b")
    content = (made.folder / "model.onnx").read_bytes()
    assert b".py" not in content
    assert str(tmp_path).encode() not in content
    model = onnx.load(made.folder / "model.onnx")
    assert {opset.domain for opset in model.opset_import} <= {"", "ai.onnx.ml"}
    assert str(tmp_path) not in json.dumps(made.lineage["verification"])


def test_principal_components_are_those_of_the_images():
    images = sample(80, side=9).train_images_NHWC
    components = PrincipalComponents.of(images)
    assert components.size == 32
    scores = images.reshape(len(images), -1).astype(np.float64) @ components.matrix_PD - components.offset_D
    assert np.abs(scores.mean(axis=0)).max() < 1e-4
    covariance = scores.T @ scores
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance.max()
    spread = np.diag(covariance)
    assert (np.diff(spread) <= 1e-6 * spread[0]).all(), "the widest direction comes first"


def test_few_images_have_few_components():
    assert PrincipalComponents.of(sample(8, side=9).train_images_NHWC).size <= 6
