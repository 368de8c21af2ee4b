"""A fitted estimator as a piece of an ONNX graph, by the converters that others maintain.

Axes: N images, P pixels, A classes present.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.export.graph import keep_needed

PREFIX = "estimator/"
PIXELS = f"{PREFIX}pixels"
# Opset 18 is what every onnxruntime that the base package accepts can run; ai.onnx.ml 3 is what converters share.
OPSETS = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True)
class Piece:
    """Nodes that make float32 probabilities (N, A) of `estimator/pixels`, float32 (N, P).

    Attributes:
        nodes: in the order in which they run.
        constants: their tensors.
        probabilities: the name of the result.
    """

    nodes: list[Any]
    constants: list[Any]
    probabilities: str


def by_scikit_learn(estimator: Any, n_pixels: int) -> Piece:
    """Of an estimator that skl2onnx knows."""
    skl2onnx = require("skl2onnx", extra="train")
    types = require("skl2onnx.common.data_types", extra="train")
    converted = skl2onnx.to_onnx(
        estimator,
        initial_types=[("pixels", types.FloatTensorType([None, n_pixels]))],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    # The converter's own names could be those of a bundle.
    model = require("onnx.compose", extra="train").add_prefix(converted, PREFIX)
    probabilities = model.graph.output[1].name
    keep_needed(model, [probabilities])
    return Piece(list(model.graph.node), list(model.graph.initializer), probabilities)


def by_xgboost(estimator: Any, n_pixels: int) -> Piece:
    """Of an `XGBClassifier`."""
    converters = require("onnxmltools.convert.xgboost.operator_converters.XGBoost", extra="train")
    _register(type(estimator), "XGBClassifier", converters.convert_xgboost)
    return by_scikit_learn(estimator, n_pixels)


def by_lightgbm(estimator: Any, n_pixels: int) -> Piece:
    """Of an `LGBMClassifier`."""
    converters = require("onnxmltools.convert.lightgbm.operator_converters.LightGbm", extra="train")
    _register(type(estimator), "LgbmClassifier", converters.convert_lightgbm)
    return by_scikit_learn(estimator, n_pixels)


def _register(kind: type, alias: str, converter: Any) -> None:
    """Makes a class known to skl2onnx; again and again does no harm."""
    skl2onnx = require("skl2onnx", extra="train")
    shapes = require("skl2onnx.common.shape_calculator", extra="train")
    skl2onnx.update_registered_converter(
        kind,
        alias,
        shapes.calculate_linear_classifier_output_shapes,
        converter,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
