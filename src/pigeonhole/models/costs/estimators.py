"""What classical estimators cost: a sum of known complexities each, with constants measured by benchmarks/costs.py.

n images, f features (pixels or components), K classes. How hard a dataset is, which no shape tells, decides how often a
solver goes round, how many support vectors there are and how deep trees grow; that is what makes an estimate wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pigeonhole.models.costs.cost import MIB, Settings, Size, Work


def logistic_regression(settings: Settings, size: Size) -> Work:
    """L-BFGS: iterations · n · f · K."""
    n, f, k = size.images, size.features, size.classes
    rounds = min(float(settings["max_iter"]), 120 * (settings["C"] * n / 100) ** 0.3)
    return Work(rounds * (n * f * k * 1.1e-10 + n * f * 2e-10 + 2e-4), f * k * 2e-10, n * f * 4, f * k)


def svm_rbf(settings: Settings, size: Size) -> Work:
    """Every pair of classes is a machine: kernel rows, n² · f in all; predicting meets every support vector."""
    shifts = int(settings.get("virtual_shifts", 0))
    vectors = _support_vectors(settings, size.images)
    work = _machine(settings, size.images, size, vectors)
    if not shifts:
        return work
    more = vectors * (1 + shifts)
    again = _machine(settings, more, size, _support_vectors(settings, more) * 1.3)
    return Work(work.fit_s + again.fit_s, again.image_s, work.held_bytes + again.held_bytes, again.numbers)


def _support_vectors(settings: Settings, n: float) -> float:
    """Many of a few images are support vectors, few of many."""
    return float(min(n, 9.0 * n**0.65 * max(1.0, settings["gamma"]) ** 0.3))


def _machine(settings: Settings, n: float, size: Size, vectors: float) -> Work:
    f, k = size.features, size.classes
    fit_s = n**2 * (f * 5e-10 + 5e-9) * max(1.0, settings["C"]) ** 0.05
    image_s = vectors * (f * 1e-10 + 5e-9 + k * 2e-10)
    return Work(fit_s, image_s, min(500 * MIB, n**2 * 4) + n * f * 16, vectors * (f + k))


def knn(settings: Settings, size: Size) -> Work:
    """Nothing to fit; predicting meets every image."""
    n, f = size.images, size.features
    image_s = n * (f * 1e-10 + 6e-9) + float(settings["n_neighbors"]) * 1e-6
    return Work(n * f * 1e-8, image_s, 120 * MIB + n * f * 24, n * f)


def random_forest(settings: Settings, size: Size) -> Work:
    """Trees · n · log n · pixels tried, each of which is sorted."""
    return _forest(settings, size, 3.0e-8, 0.13)


def extra_trees(settings: Settings, size: Size) -> Work:
    """As a forest without the sorting."""
    return _forest(settings, size, 1.3e-8, 0.25)


def _forest(settings: Settings, size: Size, split_s: float, nodes: float) -> Work:
    n, trees = size.images, float(settings["n_estimators"])
    tried = max(1.0, settings["max_features"] * size.features)
    depth = math.log2(n + 1)
    count = trees * n * nodes * 2 / (1 + settings["min_samples_leaf"] / 2)
    return Work(
        trees * (n * depth * tried * split_s + 1e-3), trees * depth * 3e-8, count * (64 + 8 * size.classes), count
    )


def lightgbm(settings: Settings, size: Size) -> Work:
    """Histograms: rounds · K · images · pixels."""
    trees = float(settings["n_estimators"]) * _trees_a_round(size.classes)
    leaves = float(settings["num_leaves"])
    seen = size.images * settings["subsample"] * max(1.0, size.features * settings["colsample_bytree"])
    depth = math.log2(leaves + 1)
    fit_s = trees * (seen * depth * 4e-10 + leaves * size.features * settings["colsample_bytree"] * 2e-8)
    return Work(fit_s, trees * depth * 1e-8, size.images * size.features * 3, trees * leaves * 2)


def xgboost(settings: Settings, size: Size) -> Work:
    """As LightGBM, level by level."""
    trees = float(settings["n_estimators"]) * _trees_a_round(size.classes)
    depth = float(settings["max_depth"])
    columns = max(1.0, size.features * settings["colsample_bytree"])
    leaves = min(2.0**depth, size.images / 4)
    fit_s = trees * (size.images * settings["subsample"] * columns * depth * 2e-10 + leaves * columns * 5e-8)
    return Work(fit_s, trees * depth * 5e-9, size.images * size.features * 6, trees * leaves)


def _trees_a_round(classes: int) -> int:
    return 1 if classes == 2 else classes


def linear_svm(settings: Settings, size: Size) -> Work:
    """A machine for each class: iterations · n · f · K."""
    n, f, k = size.images, size.features, size.classes
    rounds = min(float(settings.get("max_iter", 1000)), 100.0)
    return Work(rounds * n * f * k * 1e-9, f * k * 2e-10, n * f * 8, f * k)


def sgd(settings: Settings, size: Size) -> Work:
    """Epochs · n · f · K."""
    n, f, k = size.images, size.features, size.classes
    rounds = min(float(settings.get("max_iter", 1000)), 40.0)
    return Work(rounds * n * k * (f * 5e-10 + 5e-8), f * k * 2e-10, n * f * 8, f * k)


def mlp(settings: Settings, size: Size) -> Work:
    """scikit-learn's network: epochs · n · weights, in batches of 200."""
    n, f, k = size.images, size.features, size.classes
    hidden = float(settings.get("hidden", 100))
    weights = hidden * (f + k)
    epochs = float(settings.get("max_iter", 200)) / 2
    return Work(epochs * (n * weights * 1.5e-10 + n / 200 * weights * 2e-8), weights * 1e-10, n * f * 8, weights)


def naive_bayes(settings: Settings, size: Size) -> Work:  # noqa: ARG001 - every family has one signature
    """A few passes over the pixels."""
    n, f, k = size.images, size.features, size.classes
    return Work(n * f * 2e-8, f * k * 5e-9, n * f * 16, 2 * f * k)


def decision_tree(settings: Settings, size: Size) -> Work:
    """One tree that tries all pixels."""
    n = size.images
    tried = max(1.0, float(settings.get("max_features", 1.0)) * size.features)
    depth = math.log2(n + 1)
    return Work(n * depth * tried * 3e-8, depth * 3e-8, n * 100, n * 0.3)


FAMILIES: Mapping[str, Callable[[Settings, Size], Work]] = {
    "logistic-regression": logistic_regression,
    "svm-rbf": svm_rbf,
    "knn": knn,
    "random-forest": random_forest,
    "extra-trees": extra_trees,
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "linear-svm": linear_svm,
    "sgd": sgd,
    "mlp": mlp,
    "gaussian-naive-bayes": naive_bayes,
    "multinomial-naive-bayes": naive_bayes,
    "bernoulli-naive-bayes": naive_bayes,
    "decision-tree": decision_tree,
}
