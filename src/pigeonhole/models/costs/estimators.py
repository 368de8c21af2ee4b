"""What classical estimators cost: a sum of known complexities each, with constants measured by benchmarks/costs.py.

n images, f features (pixels or components), K classes. How hard a dataset is, which no shape tells, decides how often a
solver goes round, how many support vectors there are and how deep trees grow; that is what makes an estimate wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pigeonhole.models.costs.cost import BOOSTED, MIB, TREES, Settings, Size, Work

# How much longer a support vector machine takes where almost every image becomes one, and how many more there are.
HARD = 4.0


def logistic_regression(settings: Settings, size: Size) -> Work:
    """L-BFGS: iterations · n · f · K."""
    n, f, k = size.images, size.features, size.classes
    rounds = min(float(settings["max_iter"]), (490 if size.hard else 95) * max(1.0, settings["C"] / 0.1) ** 0.3)
    return Work(rounds * (n * f * k * 2e-10 + 1e-4), f * k * 1e-10, n * f * 4, f * k)


def svm_rbf(settings: Settings, size: Size) -> Work:
    """A machine of kernel rows; with virtual shifts a second one, on the support vectors and their moved copies."""
    f, shifts = size.features, int(settings.get("virtual_shifts", 0))
    narrow = max(1.0, float(settings["gamma"]))
    rows, hard = size.images, HARD if size.hard else 1.0
    vectors = min(rows, 12.0 * rows**0.61 * narrow**0.3 * hard)
    fit_s, held = hard * _machine_s(rows, f, narrow), rows
    if shifts:
        held = vectors * (1 + shifts)
        # Nothing but support vectors is hard: a machine on them takes longer than on as many images of any kind.
        fit_s += max(2.2, hard) * _machine_s(held, f, narrow)
        vectors = held * min(1.0, 0.53 * narrow**0.5)
    image_s = vectors * (f * 1.0e-10 + 2e-9 + size.classes * 1e-10)
    held_bytes = min(500 * MIB, held**2 * 4) + (rows + held) * f * 16
    return Work(fit_s, image_s, held_bytes, vectors * (f + size.classes))


def _machine_s(n: float, f: float, narrow: float) -> float:
    return float(n**1.63 * (f * 2.8e-9 + 5.5e-8) * narrow**0.5)


def knn(settings: Settings, size: Size) -> Work:
    """Nothing to fit; predicting meets every image."""
    n, f = size.images, size.features
    image_s = n * (f * 9e-11 + 2e-9) + float(settings["n_neighbors"]) * 3e-6
    return Work(n * f * 1e-8, image_s, 120 * MIB + n * f * 24, n * f)


def random_forest(settings: Settings, size: Size) -> Work:
    """Trees · n · log n · pixels tried, each of which is sorted."""
    return _forest(settings, size, Growth(3e-3, 1e-8, 4e-8, 1.0))


def extra_trees(settings: Settings, size: Size) -> Work:
    """As a forest without the sorting."""
    return _forest(settings, size, Growth(1e-3, 6.5e-9, 1.65e-8, 1.5))


@dataclass(frozen=True)
class Growth:
    """How one tree grows.

    Attributes:
        tree_s: seconds that every tree takes.
        split_s: seconds of an image, at one level, at one pixel that is tried.
        distinct_s: the same where values differ.
        nodes: in proportion to n^0.82.
    """

    tree_s: float
    split_s: float
    distinct_s: float
    nodes: float


def _forest(settings: Settings, size: Size, growth: Growth) -> Work:
    n, trees = size.images, float(settings["n_estimators"])
    tried = max(1.0, settings["max_features"] * size.features)
    levels = math.log2(n + 1)
    nodes = trees * min(2 * n, growth.nodes * n**0.82) * 2 / (1 + settings["min_samples_leaf"] / 2)
    split_s = growth.distinct_s if size.distinct else growth.split_s
    fit_s = trees * (growth.tree_s + n * levels * tried * split_s)
    return Work(fit_s, trees * (1e-7 + levels * 1.5e-8), nodes * (64 + 8 * size.classes), nodes, TREES)


def lightgbm(settings: Settings, size: Size) -> Work:
    """Rounds · K trees; see `_grown_s`."""
    trees = float(settings["n_estimators"]) * _trees_a_round(size.classes)
    columns = max(1.0, size.features * settings["colsample_bytree"])
    leaves = max(2.0, min(float(settings["num_leaves"]), size.images / settings["min_child_samples"] / 4))
    levels = math.log2(leaves)
    binned_s = size.images * size.features * 1e-8
    fit_s = binned_s + trees * _grown_s(settings, size, columns, size.images * levels * 2.1e-9, leaves)
    return Work(fit_s, trees * levels * 1.3e-8, size.images * size.features * 3, trees * leaves * 2, BOOSTED)


def xgboost(settings: Settings, size: Size) -> Work:
    """As LightGBM, level by level."""
    trees = float(settings["n_estimators"]) * _trees_a_round(size.classes)
    levels = min(float(settings["max_depth"]), math.log2(size.images + 1))
    columns = max(1.0, size.features * settings["colsample_bytree"])
    # Late trees, which find little left to do, stay small.
    nodes = min(2.0 ** (levels + 1), 6 * size.images**0.25)
    fit_s = trees * _grown_s(settings, size, columns, size.images * levels * 2e-9, nodes)
    return Work(fit_s, trees * levels * 5e-9, size.images * size.features * 6, trees * nodes, BOOSTED)


def _grown_s(settings: Settings, size: Size, columns: float, seen_s: float, nodes: float) -> float:
    """A tree on histograms: images · levels · columns to fill them, nodes · columns · bins to look at them."""
    looked_s = nodes * settings["max_bin"] * (2.2e-8 if size.distinct else 4.5e-9)
    return float(3e-4 + columns * (seen_s * settings["subsample"] + looked_s))


def _trees_a_round(classes: int) -> int:
    return 1 if classes == 2 else classes


def linear_svm(settings: Settings, size: Size) -> Work:
    """A machine for each class: iterations · n · f · K."""
    n, f, k = size.images, size.features, size.classes
    # Fewer for more images: each pass moves the weights once an image.
    rounds = min(float(settings.get("max_iter", 1000)), (100.0 if size.hard else 23.0) * (1000 / max(n, 1000)) ** 0.4)
    return Work(rounds * n * f * k * 1e-9, f * k * 1e-10, n * f * 8, f * k)


def sgd(settings: Settings, size: Size) -> Work:
    """Passes · n · f · K; weights and their mean move with every image."""
    n, f, k = size.images, size.features, size.classes
    passes = float(settings.get("max_iter", 20))
    return Work(passes * n * f * k * 2.9e-9, f * k * 1e-10, n * f * 8, f * k)


def mlp(settings: Settings, size: Size) -> Work:
    """scikit-learn's network: passes · n · weights, and Adam's steps."""
    n, f, k = size.images, size.features, size.classes
    weights = float(settings.get("hidden", 100)) * (f + k)
    steps = math.ceil(n / float(settings.get("batch_size", 200)))
    fit_s = float(settings.get("max_iter", 20)) * weights * (n * 8e-11 + steps * 4e-9)
    return Work(fit_s, weights * 4e-11, n * f * 8, weights)


def naive_bayes(settings: Settings, size: Size) -> Work:
    """A few passes over the pixels."""
    n, f, k = size.images, size.features, size.classes
    pass_s = 2e-8 if settings["name"] == "gaussian-naive-bayes" else 9e-9
    return Work(n * f * pass_s, f * k * 1.5e-10, n * f * 16, 2 * f * k)


def decision_tree(settings: Settings, size: Size) -> Work:
    """One tree that tries all features."""
    n, levels = size.images, math.log2(size.images + 1)
    nodes = min(2 * n, n / float(settings.get("min_samples_leaf", 1)))
    fit_s = n * levels * size.features * (8e-8 if size.distinct else 1.6e-8)
    return Work(fit_s, levels * 3e-8, n * 100, nodes, TREES)


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
