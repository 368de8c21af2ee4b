"""What a spec costs before it is fitted: every preset has an estimate, and it grows with what makes it grow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from pigeonhole import models
from pigeonhole.core.errors import SpecError
from pigeonhole.models import costs, presets

DIGITS = (28, 28, 1)
PHOTOGRAPHS = (32, 32, 3)
PRESETS = presets.names()


@cache
def resolved(model: str, **settings):
    return models.resolve(model, settings)


def cost(model: str, images: int = 5000, shape_HWC=DIGITS, classes: int = 10, predicted: int = 1000, **settings):
    return costs.estimate(
        resolved(model, **settings), images=images, shape_HWC=shape_HWC, classes=classes, predicted=predicted
    )


def figures(found: costs.Cost) -> list[float]:
    return [found.fit_s, found.predict_s, found.memory_bytes, found.export_s, found.first_use_s]


def test_every_estimator_preset_has_a_formula():
    names = {str((resolved(key).estimator or {}).get("name")) for key in PRESETS}
    missing = sorted(names - costs.ESTIMATED - {"None"})
    assert not missing, f"{missing} have presets, but no formula in models/costs/estimators.py: AutoML cannot plan them"


@pytest.mark.parametrize("model", PRESETS)
def test_estimates_are_positive_and_grow(model):
    found = [figures(cost(model, images)) for images in (1, 100, 1000, 7839, 60_000, 1_000_000)]
    assert all(figure > 0 for figure in found[0])
    for fewer, more in pairwise(found):
        assert all(a <= b for a, b in zip(fewer, more, strict=True))
    assert found[-1][0] > found[0][0]


@pytest.mark.parametrize("model", PRESETS)
def test_larger_images_more_classes_and_more_predictions_cost_more(model):
    few, many = cost(model), cost(model, predicted=10_000)
    assert cost(model, shape_HWC=PHOTOGRAPHS, classes=100).fit_s > few.fit_s
    assert many.predict_s > few.predict_s
    assert many.fit_s > few.fit_s
    assert isinstance(few.memory_bytes, int)


@pytest.mark.parametrize("model", ["cnn", "cnn-best", "mlp-128"])
def test_a_training_of_twice_the_epochs_costs_twice_as_much(model):
    once, twice = cost(model, epochs=4), cost(model, epochs=8)
    assert twice.fit_s == pytest.approx(2 * once.fit_s, rel=0.01)
    assert twice.predict_s == once.predict_s


@pytest.mark.parametrize(
    ("model", "setting", "few", "many"),
    [
        ("random-forest", "n_estimators", 50, 200),
        ("extra-trees", "max_features", 0.05, 0.5),
        ("lightgbm", "n_estimators", 50, 200),
        ("lightgbm", "num_leaves", 31, 255),
        ("xgboost", "max_depth", 3, 8),
        ("xgboost", "colsample_bytree", 0.2, 1.0),
        ("knn", "pca_components", 20, 100),
        ("svm-rbf", "pca_components", 20, 0),
        ("logistic-regression", "max_iter", 5, 1000),
        ("cnn", "augment", "none", "elastic"),
    ],
)
def test_settings_that_cost_are_heeded(model, setting, few, many):
    assert cost(model, **{setting: few}).fit_s < cost(model, **{setting: many}).fit_s


def test_least_steps_make_a_small_training_as_long_as_a_larger_one():
    assert cost("cnn", images=500, min_steps=64).fit_s > 5 * cost("cnn", images=500, min_steps=1).fit_s


def test_views_are_paid_for_at_every_validation():
    spec = models.resolve("cnn")
    views = spec.training.test_time_augmentation.model_copy(update={"shifts": 1})
    wider = replace(spec, training=spec.training.model_copy(update={"test_time_augmentation": views}))
    once, five = (
        costs.estimate(each, images=5000, shape_HWC=DIGITS, classes=10, predicted=5000) for each in (spec, wider)
    )
    assert five.predict_s > 4 * once.predict_s
    assert five.fit_s > once.fit_s


OWN = """
type: network
layers:
  - conv2d: {filters: 8, kernel_size: 3, padding: same}
  - residual:
      - conv2d: {filters: 16, kernel_size: 3, padding: same, strides: 2}
      - depthwise_conv2d: {kernel_size: 3, padding: same}
      - separable_conv2d: {filters: 16, kernel_size: 3, padding: same}
  - global_average_pooling2d
  - dense: {units: $classes, activation: softmax}
"""


def test_layers_inside_blocks_are_counted(tmp_path):
    whole, shallow = tmp_path / "whole.yml", tmp_path / "shallow.yml"
    whole.write_text(OWN)
    kept = [line for line in OWN.splitlines() if not line.startswith(("  - residual", "      - "))]
    shallow.write_text("\n".join(kept))
    assert cost(str(whole)).fit_s > 1.2 * cost(str(shallow)).fit_s


def test_an_estimator_without_a_formula_is_refused():
    spec = replace(models.resolve("knn"), estimator={"name": "abacus"})
    with pytest.raises(SpecError, match=r"abacus.*\n.*knn"):
        costs.estimate(spec, images=10, shape_HWC=DIGITS, classes=10, predicted=10)


def test_virtual_images_cost_a_second_and_larger_machine():
    none, four, eight = (
        replace(resolved("svm-rbf"), estimator={**resolved("svm-rbf").estimator, "virtual_shifts": shifts})
        for shifts in (0, 4, 8)
    )
    found = [
        costs.estimate(spec, images=20_000, shape_HWC=DIGITS, classes=10, predicted=1000)
        for spec in (none, four, eight)
    ]
    assert found[0].fit_s * 1.5 < found[1].fit_s < found[2].fit_s
    assert found[0].predict_s * 1.5 < found[1].predict_s < found[2].predict_s


def test_a_scaler_costs_and_components_make_what_follows_cheaper():
    spec = resolved("logistic-regression")
    plain, scaled, reduced = (
        costs.estimate(
            replace(spec, estimator={**spec.estimator, "scaler": scaler, "pca_components": 20}),
            images=60_000,
            shape_HWC=DIGITS,
            classes=10,
            predicted=1000,
        )
        for scaler in ("none", "standard", "pca")
    )
    assert reduced.fit_s < plain.fit_s < scaled.fit_s
    assert plain.memory_bytes < scaled.memory_bytes


def test_an_estimate_loads_no_framework():
    program = """
import sys
from pigeonhole import models
from pigeonhole.models import costs
for model in ("cnn", "svm-rbf", "xgboost"):
    costs.estimate(models.resolve(model), images=100, shape_HWC=(28, 28, 1), classes=10, predicted=10)
print(sorted({"torch", "sklearn", "xgboost", "lightgbm", "onnx"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
