"""Every layer gives Keras' numbers, with Keras' weights, counts and penalties; `keras_reference.py` made them.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from keras_reference import CASES, FILE, numbers, weight
from torch import Tensor, nn

from pigeonhole.models.layers import LAYERS, parse_layers, shapes_through
from pigeonhole.models.networks.modules import build_modules
from pigeonhole.models.networks.modules.convolution import Convolution, DepthwiseConvolution, SeparableConvolution
from pigeonhole.models.networks.modules.flat import DenseUnits
from pigeonhole.models.networks.modules.normalization import BatchNorm, LayerNorm
from pigeonhole.models.networks.penalties import penalty, regularized_in

REFERENCE = json.loads(FILE.read_text())
NOT_IN_KERAS = {"pad_to", "timm"}


def name(case) -> str:
    return " ".join(next(iter(item)) if isinstance(item, dict) else item for item in case["items"])


def own_items(items):
    """Keras' block needs its shortcut spelled out; ours finds it."""
    return [
        {"residual": {key: value for key, value in item["residual"].items() if key != "shortcut"}}
        if isinstance(item, dict) and "residual" in item
        else item
        for item in items
    ]


def network(case):
    layers, problems = parse_layers(own_items(case["items"]))
    assert not problems
    shape = tuple(case["shape"][1:])
    module = nn.Sequential(*(built for _, built in build_modules(layers, shapes_through(layers, shape))))
    for which, (tensor, keras_name, layout) in enumerate(weights(module), start=1):
        shape_there = tuple(np.empty(tensor.shape)[...].transpose(layout).shape) if layout else tuple(tensor.shape)
        values = torch.from_numpy(weight(keras_name, shape_there, which))
        with torch.no_grad():
            tensor.copy_(values.permute(*np.argsort(layout).tolist()) if layout else values)
    return layers, shape, module


def weights(module) -> Iterator[tuple[Tensor, str, tuple[int, ...]]]:
    """Each weight in Keras' order, with its name there and the order of our axes there."""
    for part in module.modules():
        if isinstance(part, Convolution):
            yield from some((part.conv.weight, "kernel", (2, 3, 1, 0)), (part.conv.bias, "bias", ()))
        elif isinstance(part, DepthwiseConvolution):
            yield from some((by_channel(part.conv), "kernel", (2, 3, 0, 1)), (part.conv.bias, "bias", ()))
        elif isinstance(part, SeparableConvolution):
            yield from some(
                (by_channel(part.depthwise), "kernel", (2, 3, 0, 1)),
                (part.pointwise.weight, "kernel", (2, 3, 1, 0)),
                (part.pointwise.bias, "bias", ()),
            )
        elif isinstance(part, DenseUnits):
            yield from some((part.linear.weight, "kernel", (1, 0)), (part.linear.bias, "bias", ()))
        elif isinstance(part, BatchNorm | LayerNorm):
            yield from some((part.scale, "gamma", ()), (part.center, "beta", ()))
            if isinstance(part, BatchNorm):
                yield from some((part.mean, "moving_mean", ()), (part.variance, "moving_variance", ()))


def some(*rows):
    return (row for row in rows if row[0] is not None)


def by_channel(conv) -> Tensor:
    """A depthwise kernel (C·multiplier, 1, H, W) as (C, multiplier, H, W)."""
    return conv.weight.view(conv.groups, -1, *conv.weight.shape[2:])


def run(module, case):
    x = torch.from_numpy(numbers(tuple(case["shape"]), 0))
    with torch.no_grad():
        y = module(x.permute(0, 3, 1, 2) if x.ndim == 4 else x)
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()


def same(values, expected) -> bool:
    return np.allclose(np.asarray(values).ravel(), expected, rtol=1e-5, atol=2e-5)


def test_the_file_holds_all_cases_and_says_what_made_it():
    assert [(case["items"], tuple(case["shape"])) for case in REFERENCE["cases"]] == [(c[0], c[1]) for c in CASES]
    assert REFERENCE["made_with"].keys() == {"keras", "tensorflow"}
    tried = json.dumps([case["items"] for case in REFERENCE["cases"]])
    assert {key for key in LAYERS if f'"{key}"' not in tried} == NOT_IN_KERAS


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=name)
def test_outputs_counts_and_penalty_are_those_of_keras(case):
    layers, shape, module = network(case)
    assert same(run(module.eval(), case), case["output"])
    inputs = shapes_through(layers, shape)[:-1]
    counts = zip(layers, inputs, strict=True)
    assert sum(layer.n_parameters(inner) for layer, inner in counts) == case["trainable"]
    assert sum(p.numel() for p in module.parameters()) == case["trainable"]
    counts = zip(layers, inputs, strict=True)
    assert sum(layer.n_non_trainable(inner) for layer, inner in counts) == case["non_trainable"]
    assert sum(b.numel() for b in module.buffers()) == case["non_trainable"]
    total = penalty(regularized_in(module))
    assert (0 if total is None else total.item()) == pytest.approx(case["penalty"], rel=1e-5)
    assert (total is None) == (case["penalty"] == 0)


@pytest.mark.parametrize("case", [case for case in REFERENCE["cases"] if "running" in case], ids=name)
def test_a_training_step_leaves_the_running_statistics_of_keras(case):
    _, _, module = network(case)
    assert same(run(module.train(), case), case["training_output"])
    assert all(same(buffer, expected) for buffer, expected in zip(module.buffers(), case["running"], strict=True))
