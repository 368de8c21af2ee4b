"""Pieces of ONNX graphs, made and taken apart. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.optional import require

_TYPES = {"float": 1, "uint8": 2, "float16": 10, "double": 11}


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], *, to: str | None = None, **attributes: Any) -> Any:
    """One operator; `to` is the target type of a `Cast`."""
    helper = require("onnx.helper", extra="train")
    if to is not None:
        attributes["to"] = _TYPES[to]
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def constant(name: str, values: npt.NDArray[Any]) -> Any:
    """A tensor kept in the graph."""
    return require("onnx.numpy_helper", extra="train").from_array(np.ascontiguousarray(values), name)


def image_input(shape_HWC: tuple[int, int, int]) -> Any:
    """The input of every bundle: `images`, uint8 [N, H, W, C]."""
    helper = require("onnx.helper", extra="train")
    return helper.make_tensor_value_info("images", _TYPES["uint8"], ["N", *map(int, shape_HWC)])


def output(name: str, size: int) -> Any:
    """A float32 output [N, size]."""
    helper = require("onnx.helper", extra="train")
    return helper.make_tensor_value_info(name, _TYPES["float"], ["N", int(size)])


def flat_pixels(n_pixels: int, scale: float, result: str) -> tuple[list[Any], list[Any]]:
    """Nodes and constants that make `images` the float matrix `result` [N, n_pixels], divided by `scale`."""
    constants = [
        constant("flat_shape", np.array([-1, n_pixels], np.int64)),
        constant("flat_scale", np.array(scale, np.float32)),
    ]
    nodes = [
        node("Reshape", ["images", "flat_shape"], ["flat_bytes"]),
        node("Cast", ["flat_bytes"], ["flat_values"], to="float"),
        node("Div", ["flat_values", "flat_scale"], [result]),
    ]
    return nodes, constants


def softplus(source: str, one: str, result: str) -> list[Any]:
    """Nodes that make log(1 + exp(x)) of fp64 x, whatever its size; `one` names a 1 in fp64.

    ONNX Runtime has `Softplus` in fp64 for models of opset 18 only, and an ensemble may need a newer one.
    """
    return [
        node("Abs", [source], [f"{result}_size"]),
        node("Neg", [f"{result}_size"], [f"{result}_exponent"]),
        node("Exp", [f"{result}_exponent"], [f"{result}_share"]),
        node("Add", [f"{result}_share", one], [f"{result}_sum"]),
        node("Log", [f"{result}_sum"], [f"{result}_rest"]),
        node("Relu", [source], [f"{result}_positive"]),
        node("Add", [f"{result}_positive", f"{result}_rest"], [result]),
    ]


def keep_needed(model: Any, outputs: Sequence[str]) -> None:
    """Removes every node that none of `outputs` needs, in place; a classifier's label output goes this way."""
    needed = set(outputs)
    kept = []
    for step in reversed(model.graph.node):
        if needed.intersection(step.output):
            needed.update(step.input)
            kept.append(step)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def without_notes(model: Any) -> None:
    """Removes in place what exporters write beside the graph: names, traces and paths of the machine it was made on."""
    graph = model.graph
    for noted in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph, model):
        del noted.metadata_props[:]
        noted.doc_string = ""
