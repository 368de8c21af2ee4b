"""Linear machines, naive Bayes and the perceptron: what our scores make is what scikit-learn makes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from pigeonhole import models
from pigeonhole.models.classical.fit import flat_pixels


def noisy(classes, n=240, side=6):
    """Classes that overlap, so that probabilities are far from 0 and 1."""
    noise = np.random.default_rng(classes)
    labels = np.arange(n, dtype=np.int64) % classes
    images = noise.integers(0, 180, (n, side, side, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label] += np.uint8(75)
    return models.TrainingData(images, labels, None, None, tuple(map(str, range(classes))))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    ("key", "theirs", "settings"),
    [
        ("gaussian-naive-bayes", GaussianNB(var_smoothing=0.1), {"var_smoothing": 0.1, "temperature": 1.0}),
        ("multinomial-naive-bayes", MultinomialNB(alpha=2.0), {"alpha": 2.0, "temperature": 1.0}),
        ("bernoulli-naive-bayes", BernoulliNB(binarize=0.5), {"binarize": 0.5, "alpha": 1.0, "temperature": 1.0}),
    ],
)
def test_naive_bayes_is_scikit_learns_at_temperature_1(tmp_path, key, theirs, settings, classes):
    data = noisy(classes)
    ours = models.fit(models.resolve(key, settings), data, seed=0, folder=tmp_path)
    pixels = flat_pixels(data.train_images_NHWC, 255)
    expected = theirs.fit(pixels, data.train_labels_N).predict_proba(pixels)
    assert np.abs(ours.probabilities(data.train_images_NHWC) - expected).max() < 1e-4


@pytest.mark.parametrize("classes", [2, 4])
def test_a_linear_machine_ranks_by_its_margins_and_temperature_changes_no_ranking(tmp_path, classes):
    data = noisy(classes)
    theirs = LinearSVC(C=0.1, dual=False).fit(flat_pixels(data.train_images_NHWC, 255), data.train_labels_N)
    decided = theirs.predict(flat_pixels(data.train_images_NHWC, 255))
    highest = []
    for temperature in (0.2, 2.0):
        spec = models.resolve("linear-svm", {"C": 0.1, "tol": 1e-4, "temperature": temperature})
        probs = models.fit(spec, data, seed=0, folder=tmp_path).probabilities(data.train_images_NHWC)
        assert (probs.argmax(axis=1) == decided).all()
        highest.append(probs.max(axis=1).mean())
    assert highest[0] > highest[1]


@pytest.mark.parametrize("classes", [2, 4])
def test_descent_gives_scikit_learns_probabilities(tmp_path, classes):
    data = noisy(classes)
    ours = models.fit(models.resolve("sgd", {"alpha": 1e-3, "max_iter": 5}), data, seed=0, folder=tmp_path)
    pixels = flat_pixels(data.train_images_NHWC, 255)
    expected = ours.estimator.estimator.predict_proba(pixels)
    assert isinstance(ours.estimator.estimator, SGDClassifier)
    assert np.abs(ours.probabilities(data.train_images_NHWC) - expected).max() < 1e-5


@pytest.mark.parametrize("classes", [2, 4])
def test_the_perceptron_is_scikit_learns(tmp_path, monkeypatch, classes):
    made = []
    fit = MLPClassifier.fit
    monkeypatch.setattr(
        MLPClassifier, "fit", lambda self, *args, **named: made.append(self) or fit(self, *args, **named)
    )
    data = noisy(classes)
    ours = models.fit(models.resolve("mlp", {"hidden": 12, "max_iter": 3}), data, seed=0, folder=tmp_path)
    expected = made[0].predict_proba(flat_pixels(data.train_images_NHWC, 255))
    assert np.abs(ours.probabilities(data.train_images_NHWC) - expected).max() < 1e-5
    assert made[0].n_iter_ == 3
