"""Votes that are as close as votes can be: the export counts them as the trained estimator does."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from pigeonhole import models
from pigeonhole.export.estimator import estimator_graph
from pigeonhole.export.verification import open_model, run
from pigeonhole.models import presets
from pigeonhole.models.classical.catalogue import sensible_scalers

ESTIMATORS = [key for key in presets.names() if presets.get(key).kind == "estimator"]


def undecided(n=400, classes=5, side=5, channels=1):
    """Images of few values that say little about their class: many are the same, many votes are tied."""
    noise = np.random.default_rng(1)
    labels = noise.integers(0, classes, n)
    images = noise.integers(0, 2, (n, side, side, channels)).astype(np.uint8) * np.uint8(255)
    images[:, 2:] = 0
    images[np.arange(n), labels % side, 0] = 255
    return models.TrainingData(images, labels, None, None, tuple(map(str, range(classes))))


def both(key, data, tmp_path, **settings):
    known = presets.get(key).defaults
    quick = {name: value for name, value in {"n_estimators": 8, "min_samples_leaf": 1}.items() if name in known}
    trained = models.fit(models.resolve(key, {**quick, **settings}), data, seed=0, folder=tmp_path)
    graph = estimator_graph(trained)
    onnx.checker.check_model(graph, full_check=True)
    exported = run(open_model(graph.SerializeToString()), data.train_images_NHWC)
    return trained.probabilities(data.train_images_NHWC), exported


@pytest.mark.parametrize("key", ESTIMATORS)
def test_close_votes_are_counted_alike(tmp_path, key):
    trained, exported = both(key, undecided(), tmp_path)
    assert np.abs(trained - exported).max() < 1e-6
    assert (trained.argmax(axis=1) == exported.argmax(axis=1)).all()


@pytest.mark.parametrize("settings", [{"weights": "uniform", "n_neighbors": 4}, {"n_neighbors": 10_000}])
def test_ties_of_neighbours_are_broken_alike(tmp_path, settings):
    trained, exported = both("knn", undecided(), tmp_path, **settings)
    best = np.sort(trained, axis=1)
    if settings.get("weights") == "uniform":
        assert (best[:, -1] == best[:, -2]).mean() > 0.05, "some votes are tied"
    assert np.abs(trained - exported).max() < 1e-6
    assert (trained.argmax(axis=1) == exported.argmax(axis=1)).all()


@pytest.mark.parametrize("key", ["random-forest", "extra-trees"])
def test_tied_forests_agree(tmp_path, key):
    trained, exported = both(key, undecided(), tmp_path, n_estimators=6)
    best = np.sort(trained, axis=1)
    assert (best[:, -1] == best[:, -2]).any(), "some votes are tied"
    assert (trained.argmax(axis=1) == exported.argmax(axis=1)).all()


@pytest.mark.parametrize("key", ESTIMATORS)
def test_two_classes_and_balanced_weights(tmp_path, key):
    trained, exported = both(key, undecided(classes=2, channels=3), tmp_path, class_weight="balanced")
    assert np.abs(trained - exported).max() < 1e-6
    assert (trained.argmax(axis=1) == exported.argmax(axis=1)).all()


def scaled_alike(key, scaler, data, tmp_path):
    """Behind a scaler, class and probabilities are the same; of whole numbers to the last bit but a division's."""
    trained, exported = both(key, data, tmp_path, scaler=scaler)
    assert np.abs(trained - exported).max() < 1e-6
    assert (trained.argmax(axis=1) == exported.argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("key", "scaler"),
    [
        ("logistic-regression", "standard"),
        ("linear-svm", "robust"),
        ("svm-rbf", "min-max"),
        ("random-forest", "pca"),
        ("decision-tree", "normalizer"),
        ("xgboost", "pca"),
        ("lightgbm", "normalizer"),
        ("knn", "standard"),
        ("multinomial-naive-bayes", "max-abs"),
        ("bernoulli-naive-bayes", "pca"),
        ("mlp", "pca"),
    ],
)
def test_scaled_features_are_decided_on_alike(tmp_path, key, scaler):
    scaled_alike(key, scaler, undecided(), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("key", "scaler"), [(key, scaler) for key in ESTIMATORS for scaler in sensible_scalers(key)[1:]]
)
def test_every_scaler_before_every_estimator_is_exported_exactly(tmp_path, key, scaler, channels):
    noise = np.random.default_rng(channels)
    data = undecided(1000, channels=channels)
    images = noise.integers(0, 256, data.train_images_NHWC.shape).astype(np.uint8)
    images[:, 0] = data.train_images_NHWC[:, 0]
    noisy = models.TrainingData(images, data.train_labels_N, None, None, data.class_names)
    scaled_alike(key, scaler, noisy, tmp_path)


def test_features_of_a_scaler_are_the_same_to_the_last_bit():
    from pigeonhole.export.conversion import OPSETS
    from pigeonhole.export.graph import flat_pixels, image_input, output
    from pigeonhole.export.scaler import RAW, scaled
    from pigeonhole.models.classical.scaling import fit_scaler

    images = np.random.default_rng(2).integers(0, 256, (300, 7, 7, 1)).astype(np.uint8)
    pixels = images.reshape(300, -1).astype(np.float32)
    for kind in ("min-max", "max-abs", "standard", "robust", "normalizer", "pca"):
        for levels in (None, 255, 65_535):
            scaler = fit_scaler(kind, pixels[:200], components=20, levels=levels, seed=0)
            flat, scaling = flat_pixels(49, 1, RAW), scaled(scaler, "probabilities")
            size = len(scaler.offset_D)
            graph = onnx.helper.make_graph(
                [*flat[0], *scaling[0]],
                "scaler",
                [image_input((7, 7, 1))],
                [output("probabilities", size)],
                [*flat[1], *scaling[1]],
            )
            opsets = [onnx.helper.make_opsetid(*opset) for opset in OPSETS.items()]
            model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
            assert np.array_equal(run(open_model(model.SerializeToString()), images), scaler(pixels)), (kind, levels)


def test_a_machine_on_pixels_needs_no_components(tmp_path):
    trained, exported = both("svm-rbf", undecided(), tmp_path, pca_components=0)
    assert np.abs(trained - exported).max() < 1e-6
