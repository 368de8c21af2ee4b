"""How a foreign ONNX model takes images and gives classes, read from its own declarations, and put behind ours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.core.optional import require
from pigeonhole.export.graph import constant, image_input, node, output, without_notes

Layout = Literal["NHWC", "NCHW", "flat"]
_FLOATS = {1: "float", 10: "float16", 11: "double"}
_UINT8 = 2
_PREFIX = "model/"


@dataclass(frozen=True)
class Reading:
    """What was found.

    Attributes:
        model: the model, untouched.
        input_name: its one input.
        input_type: ONNX' number of the element type.
        layout: the order of the input's axes.
        output_name: the output with a number for each class.
        embedding_name: its output `embedding`, or `None`.
        embedding_size: that output's width, or 0.
        shape_HWC: the images it takes.
        n_classes: K.
    """

    model: Any
    input_name: str
    input_type: int
    layout: Layout
    output_name: str
    embedding_name: str | None
    embedding_size: int
    shape_HWC: tuple[int, int, int]
    n_classes: int

    @property
    def takes_bytes(self) -> bool:
        """Whether its input is uint8."""
        return self.input_type == _UINT8


def read_interface(model: Any, shape_HWC: tuple[int, ...], n_classes: int, layout: Layout | None) -> Reading:
    """The model's input, its order of axes, and its outputs.

    Raises:
        DataError: it does not take such images, or does not give one number a class.
        SpecError: its shape fits two orders of axes.
    """
    height, width, channels = shape_HWC
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type not in {_UINT8, *_FLOATS}:
        raise DataError(
            f"a model with the inputs {', '.join(map(_describe, inputs)) or 'none'}",
            "one input of float or uint8 images",
            "export the part of the model that takes images",
        )
    name, size = _class_output(model, n_classes)
    embedding = next((o for o in model.graph.output if o.name == "embedding" and o.name != name), None)
    embedding_dims = _dims(embedding) if embedding is not None else []
    has_embedding = len(embedding_dims) == 2 and isinstance(embedding_dims[1], int)
    return Reading(
        model,
        inputs[0].name,
        inputs[0].type.tensor_type.elem_type,
        layout or _layout(_dims(inputs[0]), (height, width, channels)),
        name,
        "embedding" if has_embedding else None,
        int(embedding_dims[1]) if has_embedding else 0,
        (height, width, channels),
        size,
    )


def wrap(reading: Reading, divisor: float, *, softmax: bool) -> Any:
    """The model with a bundle's input and outputs; `embedding` only where it has one.

    Args:
        reading: what was found in it.
        divisor: what bytes are divided by on the way in.
        softmax: whether its outputs are logits.
    """
    compose = require("onnx.compose", extra="train")
    model = compose.add_prefix(reading.model, _PREFIX)
    graph = model.graph
    before, constants = _entrance(reading, divisor)
    after = [node("Cast", [_PREFIX + reading.output_name], ["scores"], to="float")]
    after.append(
        node("Softmax", ["scores"], ["probabilities"], axis=1) if softmax else _same("scores", "probabilities")
    )
    outputs = [output("probabilities", reading.n_classes)]
    if reading.embedding_name:
        after.append(node("Cast", [_PREFIX + reading.embedding_name], ["embedding"], to="float"))
        outputs.append(output("embedding", reading.embedding_size))
    nodes = [*before, *graph.node, *after]
    weights = {tensor.name for tensor in graph.initializer}
    kept_inputs = [value for value in graph.input if value.name in weights]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input.extend([image_input(reading.shape_HWC), *kept_inputs])
    graph.output.extend(outputs)
    without_notes(model)
    return model


def _same(source: str, target: str) -> Any:
    return node("Identity", [source], [target])


def _entrance(reading: Reading, divisor: float) -> tuple[list[Any], list[Any]]:
    nodes, constants, value = [], [], "images"
    if reading.layout == "NCHW":
        nodes.append(node("Transpose", [value], ["images_turned"], perm=[0, 3, 1, 2]))
        value = "images_turned"
    elif reading.layout == "flat":
        constants.append(constant("images_flat_shape", np.array([-1, math.prod(reading.shape_HWC)], np.int64)))
        nodes.append(node("Reshape", [value, "images_flat_shape"], ["images_flat"]))
        value = "images_flat"
    target = _PREFIX + reading.input_name
    if reading.takes_bytes:
        return [*nodes, _same(value, target)], constants
    constants.append(constant("images_divisor", np.array(divisor, np.float32)))
    nodes += [
        node("Cast", [value], ["images_float"], to="float"),
        node("Div", ["images_float", "images_divisor"], ["images_scaled"]),
        node("Cast", ["images_scaled"], [target], to=_FLOATS[reading.input_type]),
    ]
    return nodes, constants


def _layout(dims: list[int | str], shape_HWC: tuple[int, int, int]) -> Layout:
    height, width, channels = shape_HWC
    shapes: dict[Layout, tuple[int, ...]] = {
        "NHWC": (height, width, channels),
        "NCHW": (channels, height, width),
        "flat": (height * width * channels,),
    }
    fitting = [layout for layout, shape in shapes.items() if _fits(dims, shape)]
    if not fitting:
        raise DataError(
            f"a model for inputs of shape {dims}, and sample images of shape {list(shape_HWC)}",
            "images of the size that the model takes, in a batch of any size",
            "pass images of that size, or export the model with a dynamic batch dimension",
        )
    if len(fitting) > 1:
        raise SpecError(
            f"a model for inputs of shape {dims}, which fits {' and '.join(fitting)}",
            "a layout",
            f"say which order its axes have: {', '.join(fitting)}",
        )
    return fitting[0]


def _fits(dims: list[int | str], shape: tuple[int, ...]) -> bool:
    """Whether a declared shape takes a batch of any size of `shape`; an open dimension takes everything."""
    return (
        len(dims) == len(shape) + 1
        and not isinstance(dims[0], int)
        and all(not isinstance(dim, int) or dim == size for dim, size in zip(dims[1:], shape, strict=True))
    )


def _class_output(model: Any, n_classes: int) -> tuple[str, int]:
    fitting = [
        value.name
        for value in model.graph.output
        if value.type.tensor_type.elem_type in _FLOATS
        and len(dims := _dims(value)) == 2
        and (dims[1] == n_classes or not isinstance(dims[1], int))
        and value.name != "embedding"
    ]
    if "probabilities" in fitting:
        return "probabilities", n_classes
    if len(fitting) != 1:
        raise DataError(
            f"a model with the outputs {', '.join(map(_describe, model.graph.output))}, for {n_classes} labels",
            f"one float output [N, {n_classes}], or one of several called `probabilities`",
            "pass a label for each class; from scikit-learn, convert with options={'zipmap': False}",
        )
    return fitting[0], n_classes


def _dims(value: Any) -> list[int | str]:
    """The declared shape: a number, or a name (`?` for none) where it is open."""
    dims = value.type.tensor_type.shape.dim
    return [int(dim.dim_value) if dim.HasField("dim_value") else (dim.dim_param or "?") for dim in dims]


def _describe(value: Any) -> str:
    if not value.type.HasField("tensor_type"):
        return f"{value.name} (no tensor)"
    return f"{value.name} {_dims(value)}"
