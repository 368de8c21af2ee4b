"""L1 and L2 penalties: how they are written, what they come to, and that they cost nothing where there are none."""

from __future__ import annotations

import copy

import pytest
import torch

from pigeonhole.models.layers import parse_layers
from pigeonhole.models.networks.network import Network

KERNEL = {"filters": 2, "kernel_size": 3}


def dense(how):
    return parse_layers(["flatten", {"dense": {"units": 3, "kernel_regularizer": how}}])


def network(items):
    layers, problems = parse_layers(items)
    assert not problems
    return Network(layers, (4, 4, 1), 3)


@pytest.mark.parametrize(
    ("written", "l1", "l2"),
    [
        ("l1", 0.01, 0), ("l2", 0, 0.01), ("l1_l2", 0.01, 0.01),
        ({"l1": 0.5}, 0.5, 0), ({"l1": 0.0, "l2": 0.0001}, 0, 0.0001), ({}, 0, 0),
    ],
)  # fmt: skip
def test_how_a_penalty_is_written(written, l1, l2):
    (_, layer), problems = dense(written)
    assert not problems
    assert (layer.kernel_regularizer.l1, layer.kernel_regularizer.l2) == (l1, l2)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("l12", "l1, l2, l1_l2 or {l1: NUMBER, l2: NUMBER} is accepted (did you mean"),
        ({"l3": 1}, "kernel_regularizer.l3: unknown key"),
        ({"l2": -1}, "kernel_regularizer.l2: input should be greater than or equal to 0, received -1"),
        ({"l2": float("nan")}, "kernel_regularizer.l2"),
        ({"l2": float("inf")}, "kernel_regularizer.l2"),
        (0.01, "kernel_regularizer"),
    ],
)
def test_what_is_no_penalty_is_refused(written, message):
    _, (problem,) = dense(written)
    assert message in problem


@pytest.mark.parametrize("how", [None, {}, {"l1": 0, "l2": 0}])
def test_a_network_without_penalties_has_none(how):
    assert network(["flatten", {"dense": {"units": 3, "kernel_regularizer": how}}]).penalty() is None


def test_the_gradient_is_that_of_the_formula():
    model = network(["flatten", {"dense": {"units": 3, "kernel_regularizer": {"l1": 0.5, "l2": 0.25}}}])
    model.penalty().backward()
    weight = model.head[0].linear.weight
    assert torch.allclose(weight.grad, 0.5 * weight.sign() + 0.5 * weight)
    assert model.head[0].linear.bias.grad is None


def test_penalties_inside_blocks_count_and_follow_a_copy():
    body = [{"conv2d": {**KERNEL, "padding": "same", "kernel_regularizer": "l2"}}]
    model = network([{"residual": body}, "flatten", {"dense": 3}])
    kernel = model.features[0].body[0].conv.weight
    assert model.penalty().item() == pytest.approx(0.01 * kernel.square().sum().item())
    twin = copy.deepcopy(model)
    with torch.no_grad():
        kernel.zero_()
    assert model.penalty() == 0
    assert twin.penalty() > 0
    model.to(torch.float64, memory_format=torch.channels_last)
    with torch.no_grad():
        model.features[0].body[0].conv.weight.fill_(1)
    assert model.penalty().item() == pytest.approx(0.01 * 18)
