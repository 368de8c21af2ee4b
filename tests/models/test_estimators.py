"""What each classical estimator promises beyond the contract of presets."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from pigeonhole import models
from pigeonhole.core.errors import MissingDependencyError, SpecError
from pigeonhole.models import presets
from pigeonhole.models.classical.fit import balanced_weights, flat_pixels
from pigeonhole.models.classical.neighbours import least
from pigeonhole.testing.presets import fit, sample

ESTIMATORS = [key for key in presets.names() if presets.get(key).kind == "estimator"]


def noisy(n=300, classes=4, side=6, seed=0):
    """Classes that overlap, so that decisions are close and votes are split."""
    noise = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % classes
    images = noise.integers(0, 200, (n, side, side, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label] = np.minimum(255, image[label] + np.uint8(55))
    held_out = n // 3
    names = tuple(map(str, range(classes)))
    return models.TrainingData(images[held_out:], labels[held_out:], images[:held_out], labels[:held_out], names)


def fitted(key, data, tmp_path, **settings):
    return models.fit(models.resolve(key, settings), data, seed=0, folder=tmp_path)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("components", [0, 12])
def test_the_support_vector_machine_decides_as_libsvm_does(tmp_path, classes, components):
    from sklearn.svm import SVC

    data = noisy(classes=classes)
    trained = fitted("svm-rbf", data, tmp_path, pca_components=components)
    machine = trained.estimator
    pixels = flat_pixels(data.train_images_NHWC, 255)
    features = pixels if machine.projection is None else machine.projection(pixels)
    other = SVC(C=machine.C, gamma=machine.gamma_, decision_function_shape="ovo").fit(features, data.train_labels_N)
    held_out = flat_pixels(data.validation_images_NHWC, 255)
    features = held_out if machine.projection is None else machine.projection(held_out)
    ours = machine.decisions(held_out)
    theirs = other.decision_function(features)
    pairs = ours[:, *np.triu_indices(classes, 1)]
    assert np.abs(pairs - (theirs if classes > 2 else -theirs[:, None])).max() < 1e-5
    assert np.abs(ours + ours.transpose(0, 2, 1)).max() < 1e-6


def test_the_support_vector_machine_ranks_as_votes_do_and_temperature_changes_no_ranking(tmp_path):
    from sklearn.svm import SVC

    data = noisy(600)
    sure, unsure = (
        fitted("svm-rbf", data, tmp_path, pca_components=12, steepness=50.0, temperature=t) for t in (1.0, 5.0)
    )
    probs = sure.probabilities(data.validation_images_NHWC)
    machine = sure.estimator
    features = machine.projection(flat_pixels(data.train_images_NHWC, 255))
    other = SVC(C=machine.C, gamma=machine.gamma_, break_ties=True).fit(features, data.train_labels_N)
    theirs = other.predict(machine.projection(flat_pixels(data.validation_images_NHWC, 255)))
    assert (probs.argmax(axis=1) == theirs).mean() > 0.97
    softer = unsure.probabilities(data.validation_images_NHWC)
    assert (softer.argmax(axis=1) == probs.argmax(axis=1)).all()
    assert softer.max(axis=1).mean() < probs.max(axis=1).mean()


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_neighbours_are_those_that_scikit_learn_finds_in_the_same_components(tmp_path, weights):
    from sklearn.neighbors import KNeighborsClassifier

    data = noisy()
    trained = fitted("knn", data, tmp_path, weights=weights, pca_components=10)
    points = trained.estimator.points(flat_pixels(data.train_images_NHWC, 1))
    asked = trained.estimator.points(flat_pixels(data.validation_images_NHWC, 1))
    assert (points == np.rint(points)).all()
    other = KNeighborsClassifier(5, weights=weights, algorithm="brute").fit(points, data.train_labels_N)
    clear = np.array([len(set(row)) == 6 for row in other.kneighbors(asked, 6)[0].tolist()])
    assert clear.mean() > 0.9, "few images have two neighbours equally far away"
    ours = trained.probabilities(data.validation_images_NHWC)
    assert np.abs(ours - other.predict_proba(asked))[clear].max() < 1e-5


def test_rounding_components_changes_hardly_any_neighbour(tmp_path):
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    data = noisy()
    trained = fitted("knn", data, tmp_path, pca_components=10)
    pixels = flat_pixels(data.train_images_NHWC, 1)
    pca = PCA(10).fit(pixels)
    asked = flat_pixels(data.validation_images_NHWC, 1)
    theirs = NearestNeighbors(n_neighbors=5).fit(pca.transform(pixels)).kneighbors(pca.transform(asked))[1]
    ours = trained.estimator.neighbours(asked)[0]
    assert (ours == theirs).mean() > 0.95


def test_among_equally_far_neighbours_the_first_of_training_wins(tmp_path):
    """Every image is the same, so every distance is 0."""
    images = np.full((20, 4, 4, 1), 9, np.uint8)
    labels = np.array([1] * 3 + [0] * 17, np.int64)
    data = models.TrainingData(images, labels, None, None, ("later", "first"))
    probs = fitted("knn", data, tmp_path, n_neighbors=3).probabilities(images[:2])
    assert probs.tolist() == [[0, 1], [0, 1]]


def test_distances_stay_exact_for_the_farthest_images_there_can_be(tmp_path):
    """Black and white images are as far from each other as images get: their products still fit fp32 exactly."""
    noise = np.random.default_rng(0)
    images = (noise.integers(0, 2, (200, 12, 12, 3)) * 255).astype(np.uint8)
    data = models.TrainingData(images, np.arange(200, dtype=np.int64) % 2, None, None, ("a", "b"))
    machine = fitted("knn", data, tmp_path, pca_components=100).estimator
    extremes = np.concatenate([images, np.zeros_like(images[:1]), np.full_like(images[:1], 255)])
    points = machine.points(flat_pixels(extremes, 1)).astype(np.int64)
    assert 4 * np.square(points).sum(axis=1).max() <= 2**24
    whole = np.square(points[:, None] - points[None, :200]).sum(axis=2)
    places, squared = machine.neighbours(flat_pixels(extremes, 1))
    assert np.array_equal(squared, np.sort(whole, axis=1)[:, : machine.k])
    assert np.array_equal(np.take_along_axis(whole, places, axis=1), squared)


@pytest.mark.parametrize(("count", "k"), [(1, 1), (63, 5), (64, 1), (1000, 3), (1000, 900), (641, 10), (641, 11)])
def test_the_least_keys_are_found_in_tiles_as_by_sorting(count, k):
    keys = np.random.default_rng(count).permutation(7 * count).reshape(7, count).astype(np.float64)
    assert np.array_equal(least(keys, k), np.sort(keys, axis=1)[:, :k])


@pytest.mark.parametrize("key", ["random-forest", "extra-trees"])
def test_rounded_leaves_hardly_change_a_forest_and_add_up_exactly(tmp_path, key):
    data = noisy()
    trained = fitted(key, data, tmp_path, n_estimators=30)
    for tree in trained.estimator.trees:
        assert (tree.value == np.rint(tree.value)).all()
        assert np.abs(tree.value.sum(axis=2) - 4096).max() <= 2
    probs = trained.probabilities(data.validation_images_NHWC)
    assert np.array_equal(probs, trained.probabilities(data.validation_images_NHWC))
    assert (probs.argmax(axis=1) == data.validation_labels_N).mean() > 0.5


def test_balanced_weights_make_classes_equal():
    labels = np.array([0, 0, 0, 2], np.int64)
    weights = balanced_weights(labels)
    assert np.allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("key", ESTIMATORS)
def test_balancing_finds_more_of_a_rare_class(tmp_path, key):
    data = noisy(900, classes=2)
    kept = np.flatnonzero((data.train_labels_N == 0) | (np.arange(len(data.train_labels_N)) % 10 == 1))
    rare = models.TrainingData(data.train_images_NHWC[kept], data.train_labels_N[kept], None, None, data.class_names)
    # Soft enough that not every training image is fitted, which leaves weights nothing to decide.
    soft = {"n_estimators": 40, "min_samples_leaf": 8, "C": 0.1}
    settings = {name: value for name, value in soft.items() if name in presets.get(key).defaults}
    found = []
    for class_weight in ("none", "balanced"):
        trained = fitted(key, rare, tmp_path, class_weight=class_weight, **settings)
        asked = data.validation_images_NHWC[data.validation_labels_N == 1]
        found.append(float(trained.probabilities(asked)[:, 1].mean()))
    assert found[1] > found[0]


def test_an_unknown_class_weight_is_refused_by_name(tmp_path):
    with pytest.raises(SpecError, match=r"class_weight: received 'balance'.*none, balanced"):
        models.resolve("xgboost", {"class_weight": "balance"})
    own = tmp_path / "mine.yml"
    own.write_text("type: estimator\nestimator: {name: knn, class_weight: heavy, n_neighbor: 3}\n")
    with pytest.raises(SpecError) as refused:
        models.resolve(str(own))
    assert "estimator.class_weight: received 'heavy'; none or balanced is accepted" in str(refused.value)
    assert re.search(r"estimator.n_neighbor: unknown setting of knn.*n_neighbors", str(refused.value))


@pytest.mark.parametrize(("key", "package"), [("xgboost", "xgboost"), ("lightgbm", "lightgbm")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch, key, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"(?s)'{package}' is not installed.*pigeonhole\[train\]"):
        fit(key, sample(), tmp_path)


def test_a_missing_openmp_library_is_named(tmp_path, monkeypatch):
    def without(name, **named):
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("pigeonhole.models.classical.boosting.require", without)
    with pytest.raises(MissingDependencyError, match=r"(?s)libgomp\.so\.1.*OpenMP"):
        fit("lightgbm", sample(), tmp_path)


def test_the_number_of_nodes_is_what_the_trees_have(tmp_path):
    data = noisy()
    xgboost = fitted("xgboost", data, tmp_path, n_estimators=3)
    lightgbm = fitted("lightgbm", data, tmp_path, n_estimators=3)
    leaves = sum(tree.count("leaf=") for tree in xgboost.estimator.get_booster().get_dump())
    assert xgboost.n_parameters == 2 * leaves - 3 * 4
    leaves = sum(tree["num_leaves"] for tree in lightgbm.estimator.booster_.dump_model()["tree_info"])
    assert lightgbm.n_parameters == 2 * leaves - 3 * 4
