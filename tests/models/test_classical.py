from __future__ import annotations

import numpy as np

from pigeonhole import models
from pigeonhole.testing.presets import sample


def test_logistic_regression_learns_and_says_how_it_went(tmp_path):
    data = sample(200)
    trained = models.fit(models.resolve("logistic-regression"), data, seed=0, folder=tmp_path)
    assert trained.history[0]["validation_accuracy"] > 0.95
    assert trained.facts["converged"]
    assert trained.n_parameters == 3 * (12 * 12 + 1)
    assert list(tmp_path.iterdir()) == [], "an estimator leaves nothing on disk"


def test_too_few_iterations_are_told_in_the_facts(tmp_path):
    spec = models.resolve("logistic-regression", {"max_iter": 1})
    assert not models.fit(spec, sample(), seed=0, folder=tmp_path).facts["converged"]


def test_a_class_without_images_gets_probability_zero(tmp_path):
    whole = sample(60)
    without = whole.train_labels_N != 1
    data = models.TrainingData(
        whole.train_images_NHWC[without], whole.train_labels_N[without], None, None, whole.class_names
    )
    probs_NK = models.fit(models.resolve("logistic-regression"), data, seed=0, folder=tmp_path).probabilities(
        whole.train_images_NHWC
    )
    assert (probs_NK[:, 1] == 0).all()
    assert np.allclose(probs_NK.sum(axis=1), 1, atol=1e-6)
