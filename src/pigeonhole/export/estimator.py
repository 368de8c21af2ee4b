"""A fitted estimator → an ONNX graph that takes raw images.

Axes: N images, P = H·W·C pixels, K classes, A classes that had a training image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pigeonhole.core.optional import require
from pigeonhole.export.conversion import OPSETS, PIXELS, Piece, by_lightgbm, by_xgboost
from pigeonhole.export.forest import forest
from pigeonhole.export.graph import constant, flat_pixels, image_input, node, output, without_notes
from pigeonhole.export.neighbours import neighbours
from pigeonhole.export.scaler import RAW, scaled
from pigeonhole.export.scores import logistic, perceptron, scored
from pigeonhole.export.support_vectors import support_vectors
from pigeonhole.models.classical import TrainedEstimator

_CONVERTERS: Mapping[str, Callable[[Any, int], Piece]] = {
    "logistic-regression": logistic,
    "linear-svm": scored,
    "sgd": scored,
    "svm-rbf": support_vectors,
    "random-forest": forest,
    "extra-trees": forest,
    "xgboost": by_xgboost,
    "lightgbm": by_lightgbm,
    "knn": neighbours,
    "decision-tree": forest,
    "gaussian-naive-bayes": scored,
    "multinomial-naive-bayes": scored,
    "bernoulli-naive-bayes": scored,
    "mlp": perceptron,
}
# The form of the file that belongs to opset 18.
_IR_VERSION = 8


def estimator_graph(trained: TrainedEstimator) -> Any:
    """The ONNX model, with the output `probabilities` only."""
    helper = require("onnx.helper", extra="train")
    n_pixels = math.prod(trained.shape_HWC)
    nodes, constants, n_features = _features(trained, n_pixels)
    piece = _CONVERTERS[(trained.spec.estimator or {})["name"]](trained.estimator, n_features)
    graph = helper.make_graph(
        [*nodes, *piece.nodes, *_columns(trained, piece.probabilities)],
        "estimator",
        [image_input(trained.shape_HWC)],
        [output("probabilities", len(trained.class_names))],
        [*constants, *piece.constants, *_column_constants(trained)],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    without_notes(model)
    return model


def _features(trained: TrainedEstimator, n_pixels: int) -> tuple[list[Any], list[Any], int]:
    """Nodes and constants that make what the estimator takes, and how many numbers of an image that is."""
    if trained.scaler is None:
        return (*flat_pixels(n_pixels, trained.recipe.divisor, PIXELS), n_pixels)
    nodes, constants = flat_pixels(n_pixels, 1, RAW)
    more_nodes, more_constants = scaled(trained.scaler, PIXELS)
    return [*nodes, *more_nodes], [*constants, *more_constants], len(trained.scaler.offset_D)


def _columns(trained: TrainedEstimator, probabilities: str) -> list[Any]:
    """Puts each column where its class is; a class without a training image has probability 0."""
    if len(trained.classes_present) == len(trained.class_names):
        return [node("Identity", [probabilities], ["probabilities"])]
    return [node("MatMul", [probabilities, "class_columns"], ["probabilities"])]


def _column_constants(trained: TrainedEstimator) -> list[Any]:
    if len(trained.classes_present) == len(trained.class_names):
        return []
    columns_AK = np.zeros((len(trained.classes_present), len(trained.class_names)), np.float32)
    columns_AK[np.arange(len(trained.classes_present)), list(trained.classes_present)] = 1
    return [constant("class_columns", columns_AK)]
