"""Fewer steps for the same answer: what a convolution can do along with its sum, it does. Knows ONNX graphs only.

ONNX Runtime takes a batch normalisation or a ReLU into the convolution right before it. With a pool between, as many
networks have it, and for the scaling of the raw pixels, it runs each as a step of its own. A step costs little by
itself, but for one small image a tenth of the whole is such steps. All that is rewritten here is equal in exact
arithmetic; what rounding makes of it, the verification of the exported model sees.

Axes: O output channels, C input channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.optional import require
from pigeonhole.export.graph import constant, node

Doubles = npt.NDArray[np.float64]
_POOLS = ("MaxPool", "GlobalMaxPool")
# Past these a ReLU may go: the greatest of what is above zero is what is above zero of the greatest.
_MONOTONE = (*_POOLS, "ReduceMax", "Reshape", "Flatten", "Squeeze")
_ACROSS = {"ReduceMax": "GlobalMaxPool", "ReduceMean": "GlobalAveragePool"}
# What these make has the four axes of images.
_OF_IMAGES = ("Conv", "Relu", "BatchNormalization", *_POOLS)
_CHANNELS_LAST = [0, 2, 3, 1]


def fold(model: Any) -> None:
    """Rewrites the model in place: all that a convolution can take in goes into it."""
    if any(attribute.HasField("g") or attribute.graphs for step in model.graph.node for attribute in step.attribute):
        return  # the graphs inside read what is counted here as read by nobody
    graph = _Graph(model.graph)
    for kinds, rewrite in (
        (tuple(_ACROSS), _name_the_pool),
        (("BatchNormalization",), _fold_normalization),
        (("Relu",), _move_before_the_pools),
        (("Conv",), _fold_scalings),
    ):
        for step in [step for step in model.graph.node if step.op_type in kinds]:
            rewrite(graph, step)
    graph.drop_unread()


class _Graph:
    """Who makes and who reads each tensor of a graph."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._to_array = require("onnx.numpy_helper", extra="train").to_array

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        """A tensor that is kept in the graph; `None` for one that is computed."""
        found = [tensor for tensor in self._graph.initializer if tensor.name == name]
        return self._to_array(found[0]) if found else None

    def number(self, name: str) -> Doubles | None:
        """The same in double precision; `None` if it holds no floats."""
        values = self.constant(name)
        return None if values is None or values.dtype != np.float32 else values.astype(np.float64)

    def maker(self, name: str) -> Any | None:
        """The step that makes a tensor for one reader only, through its only output."""
        makers = [step for step in self._graph.node if name in step.output]
        reads = sum(list(step.input).count(name) for step in self._graph.node)
        reads += sum(value.name == name for value in self._graph.output)
        return makers[0] if makers and reads == 1 and len(makers[0].output) == 1 else None

    def replace(self, step: Any, index: int, values: Doubles) -> None:
        """Gives a step another constant, as float32; others that read the one before keep it."""
        name = f"{step.output[0]}/folded_{index}"
        for tensor in [tensor for tensor in self._graph.initializer if tensor.name == name]:
            self._graph.initializer.remove(tensor)
        self._graph.initializer.append(constant(name, values.astype(np.float32)))
        step.input.extend([""] * (index + 1 - len(step.input)))
        step.input[index] = name

    def skip(self, step: Any) -> None:
        """Takes a step out: what made its input makes its output."""
        (maker,) = (each for each in self._graph.node if step.input[0] in each.output)
        self._graph.node.remove(step)
        maker.output[0] = step.output[0]

    def drop(self, step: Any) -> None:
        """Takes out a step whose output nobody reads any more."""
        self._graph.node.remove(step)

    def insert_after(self, step: Any, kind: str) -> None:
        """Puts a step without settings behind another one."""
        inner = f"{step.output[0]}/before_{kind}"
        place = list(self._graph.node).index(step)
        self._graph.node.insert(place + 1, node(kind, [inner], [step.output[0]]))
        step.output[0] = inner

    def drop_unread(self) -> None:
        """Removes the constants that nobody reads any more."""
        read = {name for step in self._graph.node for name in step.input}
        for tensor in [tensor for tensor in self._graph.initializer if tensor.name not in read]:
            self._graph.initializer.remove(tensor)


def _name_the_pool(graph: _Graph, step: Any) -> None:
    """The greatest or the mean of all places of a channel is a pool, and ONNX Runtime is quicker with it."""
    axes = graph.constant(step.input[1]) if len(step.input) == 2 else None
    maker = graph.maker(step.input[0])
    kept = _attribute(step, "keepdims", 1)
    if axes is None or maker is None:
        return
    places = sorted(axis % 4 for axis in axes.tolist())
    turned = places == [1, 2] and not kept and _attribute(maker, "perm", []) == _CHANNELS_LAST
    if not turned and not (places == [2, 3] and maker.op_type in _OF_IMAGES):
        return
    if turned:
        step.input[0] = maker.input[0]
        graph.drop(maker)
    step.op_type = _ACROSS[step.op_type]
    del step.input[1:]
    del step.attribute[:]
    if not kept:
        graph.insert_after(step, "Flatten")


def _fold_normalization(graph: _Graph, step: Any) -> None:
    """Into the convolution before the pools before it: the greatest stays the greatest if its scale is above zero."""
    convolution = _behind(graph, step.input[0], _POOLS)
    numbers = [graph.number(name) for name in step.input[1:5]]
    if convolution is None or any(each is None for each in numbers) or len(step.output) != 1:
        return
    scale_O, shift_O, mean_O, variance_O = (each for each in numbers if each is not None)
    scale_O = scale_O / np.sqrt(variance_O + _attribute(step, "epsilon", 1e-5))
    weights_O, bias_O = _weights(graph, convolution)
    if weights_O is None or bias_O is None or not (scale_O > 0).all():
        return
    graph.replace(convolution, 1, weights_O * scale_O.reshape(-1, *[1] * (weights_O.ndim - 1)))
    graph.replace(convolution, 2, (bias_O - mean_O) * scale_O + shift_O)
    graph.skip(step)


def _move_before_the_pools(graph: _Graph, step: Any) -> None:
    """Right behind the convolution, where it costs nothing."""
    convolution = _behind(graph, step.input[0], _MONOTONE)
    if convolution is not None and convolution.output[0] != step.input[0]:
        graph.skip(step)
        graph.insert_after(convolution, "Relu")


def _fold_scalings(graph: _Graph, convolution: Any) -> None:
    """What is taken off the image, or what it is divided by, right before a convolution."""
    while _fold_scaling(graph, convolution):
        pass


def _fold_scaling(graph: _Graph, convolution: Any) -> bool:
    """The last of these steps; whether there was one."""
    step = graph.maker(convolution.input[0])
    if step is None or step.op_type not in ("Sub", "Div") or graph.maker(step.input[0]) is None:
        return False
    weights_OC, bias_O = _weights(graph, convolution)
    values = graph.number(step.input[1])
    if weights_OC is None or bias_O is None or values is None or _attribute(convolution, "group", 1) != 1:
        return False
    channels, ones = weights_OC.shape[1], (1,) * (weights_OC.ndim - 2)
    if values.shape not in ((), (1, 1, *ones), (1, channels, *ones)):
        return False
    if step.op_type == "Div":
        graph.replace(convolution, 1, weights_OC / values)
    elif _adds_a_border(convolution):
        return False  # its zeros are zeros after the subtraction
    else:
        graph.replace(convolution, 2, bias_O - (weights_OC * values).sum(axis=tuple(range(1, weights_OC.ndim))))
    graph.skip(step)
    return True


def _behind(graph: _Graph, name: str, passing: tuple[str, ...]) -> Any | None:
    """The convolution that a tensor comes from, through steps of these kinds alone, which nobody else reads."""
    step = graph.maker(name)
    while step is not None and step.op_type in passing:
        step = graph.maker(step.input[0])
    return step if step is not None and step.op_type == "Conv" else None


def _weights(graph: _Graph, convolution: Any) -> tuple[Doubles | None, Doubles | None]:
    """Of a convolution (O, C, …) and (O,); a bias that it does not have is zero."""
    weights = graph.number(convolution.input[1])
    if weights is None or len(convolution.input) < 3 or not convolution.input[2]:
        return weights, None if weights is None else np.zeros(len(weights))
    return weights, graph.number(convolution.input[2])


def _adds_a_border(convolution: Any) -> bool:
    return any(_attribute(convolution, "pads", [0])) or _attribute(convolution, "auto_pad", b"NOTSET") not in (
        b"NOTSET",
        b"VALID",
    )


def _attribute(step: Any, name: str, default: Any) -> Any:
    value = require("onnx.helper", extra="train").get_attribute_value
    found = [value(attribute) for attribute in step.attribute if attribute.name == name]
    return found[0] if found else default
