"""Votes that are as close as votes can be: the export counts them as the trained estimator does."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from pigeonhole import models
from pigeonhole.export.estimator import estimator_graph
from pigeonhole.export.verification import open_model, run
from pigeonhole.models import presets

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


def test_a_machine_on_pixels_needs_no_components(tmp_path):
    trained, exported = both("svm-rbf", undecided(), tmp_path, pca_components=0)
    assert np.abs(trained - exported).max() < 1e-6
