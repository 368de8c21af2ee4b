"""A fitted scikit-learn estimator → an ONNX graph that takes raw images.

Axes: N images, P = H·W·C pixels, K classes, A classes that had a training image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pigeonhole.core.optional import require
from pigeonhole.export.graph import constant, flat_pixels, image_input, keep_needed, node, output, without_notes
from pigeonhole.models.classical import TrainedEstimator

_PREFIX = "estimator/"
# Opset 18 is what every onnxruntime that the base package accepts can run; ai.onnx.ml 3 is what converters share.
OPSETS = {"": 18, "ai.onnx.ml": 3}


def estimator_graph(trained: TrainedEstimator) -> Any:
    """The ONNX model, with the output `probabilities` only."""
    skl2onnx = require("skl2onnx", extra="train")
    types = require("skl2onnx.common.data_types", extra="train")
    n_pixels = math.prod(trained.shape_HWC)
    converted = skl2onnx.to_onnx(
        trained.estimator,
        initial_types=[("pixels", types.FloatTensorType([None, n_pixels]))],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    # The converter's own names could be those of a bundle.
    model = require("onnx.compose", extra="train").add_prefix(converted, _PREFIX)
    graph = model.graph
    nodes, constants = flat_pixels(n_pixels, 255, f"{_PREFIX}pixels")
    own_nodes = [*graph.node, *_columns(trained, graph.output[1].name)]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend([*nodes, *own_nodes])
    graph.initializer.extend([*constants, *_column_constants(trained)])
    graph.input.append(image_input(trained.shape_HWC))
    graph.output.append(output("probabilities", len(trained.class_names)))
    keep_needed(model, ["probabilities"])
    without_notes(model)
    return model


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
