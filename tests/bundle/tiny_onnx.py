"""A small real model for tests: class k is the k-th of K bands of rows, and the brightest band wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pigeonhole import bundle

SHAPE_HWC = (6, 6, 1)
CLASS_NAMES = ("top", "middle", "bottom")
EMBEDDING = 4


def tiny_model(shape_HWC=SHAPE_HWC, n_classes=3, sharpness=12.0, embedding=EMBEDDING) -> bytes:
    height, width, channels = shape_HWC
    size = height * width * channels
    band_of_row = np.arange(height) * n_classes // height
    weights = np.zeros((height, width, channels, n_classes), np.float32)
    for row, band in enumerate(band_of_row):
        weights[row, :, :, band] = sharpness / (width * channels * height / n_classes)
    project = np.random.default_rng(0).normal(size=(size, embedding)).astype(np.float32)
    constants = {
        "scale": np.float32(1 / 255),
        "flat": np.array([-1, size], np.int64),
        "weights": weights.reshape(size, n_classes),
        "project": project,
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("MatMul", ["rows", "project"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", *shape_HWC])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", n_classes]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", embedding]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def expected_probs(images_NHWC, n_classes=3, sharpness=12.0):
    """The same model in numpy, independent of ONNX."""
    height = images_NHWC.shape[1]
    band_of_row = np.arange(height) * n_classes // height
    rows_NH = images_NHWC.astype(np.float64).mean(axis=(2, 3)) / 255
    logits_NK = np.stack(
        [sharpness * n_classes / height * rows_NH[:, band_of_row == band].sum(axis=1) for band in range(n_classes)], 1
    )
    powers_NK = np.exp(logits_NK - logits_NK.max(axis=1, keepdims=True))
    return (powers_NK / powers_NK.sum(axis=1, keepdims=True)).astype(np.float32)


def band_images(n=12, shape_HWC=SHAPE_HWC, n_classes=3, seed=0):
    """Images of class 0, 1, 2, 0, …: dark, with one bright band and a little noise."""
    height = shape_HWC[0]
    rng = np.random.default_rng(seed)
    images_NHWC = rng.integers(0, 40, (n, *shape_HWC)).astype(np.uint8)
    labels_N = np.arange(n) % n_classes
    band_of_row = np.arange(height) * n_classes // height
    for image_HWC, label in zip(images_NHWC, labels_N, strict=True):
        image_HWC[band_of_row == label] += 200
    return images_NHWC, labels_N.astype(np.int64)


def write_tiny(folder: Path, shape_HWC=SHAPE_HWC, class_names=CLASS_NAMES, **changes) -> bundle.Bundle:
    images_NHWC, labels_N = band_images(30, shape_HWC, len(class_names))
    probs_NK = expected_probs(images_NHWC, len(class_names))
    parts = {
        "onnx_model": tiny_model(shape_HWC, len(class_names)),
        "class_names": class_names,
        "shape_HWC": shape_HWC,
        "embedding_size": EMBEDDING,
        "calibration": {"temperature": 1.25},
        "reference": bundle.describe_normal(images_NHWC, labels_N, probs_NK),
        "probe_images_NHWC": images_NHWC[:8],
        "probe_probs_NK": probs_NK[:8],
        "lineage": {"run": "tiny-1", "dataset": "bands:1"},
    }
    return bundle.write(folder, **{**parts, **changes})


def write_sharper(folder, sharpness):
    """The same classes, more or less sure: so that its answers are told from those of `write_tiny`."""
    images_NHWC, _ = band_images(8)
    return write_tiny(
        folder,
        onnx_model=tiny_model(sharpness=sharpness),
        probe_images_NHWC=images_NHWC,
        probe_probs_NK=expected_probs(images_NHWC, sharpness=sharpness),
    )
