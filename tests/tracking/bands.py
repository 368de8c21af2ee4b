"""A small real bundle: class k is the k-th of three bands of rows, and the brightest band wins."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pigeonhole import bundle

SHAPE_HWC = (6, 4, 1)
NAMES = ("top", "middle", "bottom")


def images(n=12):
    images_NHWC = np.zeros((n, *SHAPE_HWC), np.uint8)
    for i in range(n):
        images_NHWC[i, (i % 3) * 2 : (i % 3) * 2 + 2] = 180 + i
    return images_NHWC


def probabilities(images_NHWC, sharpness):
    bands_NK = images_NHWC.reshape(-1, 3, 8).astype(np.float64).sum(axis=2) * sharpness / 255
    powers_NK = np.exp(bands_NK - bands_NK.max(axis=1, keepdims=True))
    return (powers_NK / powers_NK.sum(axis=1, keepdims=True)).astype(np.float32)


def model(sharpness):
    weights = np.repeat(np.eye(3, dtype=np.float32), 8, axis=0) * np.float32(sharpness / 255)
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "flat"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "bands",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", *SHAPE_HWC])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 24]),
        ],
        [
            numpy_helper.from_array(np.array([-1, 24], np.int64), "flat"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def write(folder, sharpness=1.0):
    """A bundle in `folder`; another sharpness is another model."""
    images_NHWC = images()
    probs_NK = probabilities(images_NHWC, sharpness)
    return bundle.write(
        folder,
        onnx_model=model(sharpness),
        class_names=NAMES,
        shape_HWC=SHAPE_HWC,
        embedding_size=24,
        calibration={"temperature": 1.0},
        reference=bundle.describe_normal(images_NHWC, np.arange(12) % 3, probs_NK),
        probe_images_NHWC=images_NHWC,
        probe_probs_NK=probs_NK,
        lineage={"dataset": "bands:1"},
    )
