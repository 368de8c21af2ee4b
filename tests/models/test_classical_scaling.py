"""Scalers before estimators, against scikit-learn's own; and which combinations are refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from pigeonhole import models
from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.models import presets
from pigeonhole.models.classical.catalogue import ESTIMATORS, sensible_scalers
from pigeonhole.models.classical.naming import ALGORITHMS, SCALERS, display_name
from pigeonhole.models.classical.scaling import fit_scaler
from pigeonhole.testing.presets import sample

KEYS = [key for key in presets.names() if presets.get(key).kind == "estimator"]


def pixels(n=200, side=6, seed=0):
    """Bytes as float32, with a pixel that never varies and an image without light."""
    values_NP = np.random.default_rng(seed).integers(0, 256, (n, side * side)).astype(np.float32)
    values_NP[:, 3] = 17
    values_NP[0] = 0
    return values_NP


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("min-max", MinMaxScaler()),
        ("max-abs", MaxAbsScaler()),
        ("standard", StandardScaler()),
        ("robust", RobustScaler()),
        ("normalizer", Normalizer()),
    ],
)
def test_a_scaler_gives_what_scikit_learns_gives(kind, theirs):
    scaler = fit_scaler(kind, pixels(), components=50, levels=None, seed=0)
    theirs.fit(pixels() / 255.0)
    asked = pixels(seed=1)
    assert np.abs(scaler(asked) - theirs.transform(asked / 255.0)).max() < 1e-5


def test_principal_components_are_scikit_learns_but_for_rounded_directions():
    scaler = fit_scaler("pca", pixels(), components=8, levels=None, seed=0)
    theirs = PCA(8).fit(pixels() / 255.0)
    assert np.abs(scaler(pixels(seed=1)) - theirs.transform(pixels(seed=1) / 255.0)).max() < 1e-3
    assert (scaler.matrix_PD == np.rint(scaler.matrix_PD)).all()


@pytest.mark.parametrize("kind", ["standard", "normalizer", "pca"])
def test_estimators_of_whole_numbers_get_whole_numbers_within_their_levels(kind):
    scaler = fit_scaler(kind, pixels(), components=8, levels=255, seed=0)
    features = scaler(pixels(seed=1))
    assert (features == np.rint(features)).all()
    assert features.min() >= 0
    assert features.max() <= 255
    assert len(np.unique(features)) > 100


def test_a_scaled_logistic_regression_is_scikit_learns_pipeline(tmp_path):
    from sklearn.linear_model import LogisticRegression

    for classes in (2, 3):
        data = sample(120, classes=classes)
        spec = models.resolve("logistic-regression", {"scaler": "standard"})
        ours = models.fit(spec, data, seed=0, folder=tmp_path).probabilities(data.validation_images_NHWC)
        theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        theirs.fit(data.train_images_NHWC.reshape(90, -1) / 255.0, data.train_labels_N)
        asked = data.validation_images_NHWC.reshape(30, -1) / 255.0
        assert np.abs(ours - theirs.predict_proba(asked)).max() < 2e-3


def test_without_a_scaler_nothing_is_scaled(tmp_path):
    trained = models.fit(models.resolve("logistic-regression"), sample(), seed=0, folder=tmp_path)
    assert trained.scaler is None
    assert trained.n_parameters == 3 * (12 * 12 + 1)


@pytest.mark.parametrize(
    ("key", "scaler", "why"),
    [
        ("random-forest", "min-max", "order"),
        ("lightgbm", "standard", "order"),
        ("knn", "pca", "by itself"),
        ("svm-rbf", "pca", "by itself"),
        ("multinomial-naive-bayes", "pca", "negative"),
        ("bernoulli-naive-bayes", "normalizer", "threshold"),
    ],
)
def test_a_combination_without_sense_is_refused_with_the_reason(key, scaler, why):
    with pytest.raises(SpecError, match=rf"{scaler} makes no sense before {key}.*{why}.*are accepted"):
        models.resolve(key, {"scaler": scaler})
    assert scaler not in sensible_scalers(key)


def test_components_without_the_scaler_that_has_them_are_refused():
    with pytest.raises(SpecError, match=r"pca_components: the scaler min-max has none; set scaler to pca"):
        models.resolve("sgd", {"scaler": "min-max", "pca_components": 20})
    assert models.resolve("sgd", {"scaler": "pca", "pca_components": 20}).estimator["pca_components"] == 20
    assert models.resolve("svm-rbf", {"scaler": "min-max", "pca_components": 20}).estimator["pca_components"] == 20


@pytest.mark.parametrize("key", KEYS)
def test_every_estimator_has_the_scalers_as_a_parameter(key):
    parameters = {parameter.name: parameter for parameter in presets.get(key).parameters}
    assert parameters["scaler"].default == "none"
    assert parameters["scaler"].choices == tuple(SCALERS)
    assert "pca_components" in parameters
    assert sensible_scalers(key)[0] == "none"


@pytest.mark.parametrize(
    ("key", "settings", "name"),
    [
        ("linear-svm", {"scaler": "min-max"}, "MinMaxScaler, LinearSVM"),
        ("logistic-regression", {"scaler": "pca"}, "PCA, LogisticRegression"),
        ("svm-rbf", {}, "PCA, SVM"),
        ("svm-rbf", {"pca_components": 0, "scaler": "min-max"}, "MinMaxScaler, SVM"),
        ("knn", {"scaler": "normalizer"}, "Normalizer, PCA, KNN"),
        ("extra-trees", {}, "ExtremeRandomTrees"),
        ("xgboost", {}, "XGBoostClassifier"),
        ("lightgbm", {}, "LightGBM"),
        ("mlp", {}, "MLPClassifier"),
        ("cnn-tiny", {}, "cnn-tiny"),
    ],
)
def test_models_are_named_as_users_of_automl_know_them(key, settings, name):
    assert display_name(models.resolve(key, settings)) == name


def test_names_are_told_apart_and_mean_presets():
    named = [display_name(models.resolve(key)) for key in KEYS]
    assert len(set(named)) == len(named)
    assert {key for keys in ALGORITHMS.values() for key in keys} <= set(KEYS)
    assert set(KEYS) == set(ESTIMATORS)


def test_counts_below_zero_are_refused(tmp_path):
    data = sample()
    below = models.TrainingData(
        data.train_images_NHWC.astype(np.float32) - 20, data.train_labels_N, None, None, data.class_names
    )
    with pytest.raises(DataError, match=r"(?s)a pixel of -\d+.*gaussian-naive-bayes"):
        models.fit(models.resolve("multinomial-naive-bayes"), below, seed=0, folder=tmp_path)
