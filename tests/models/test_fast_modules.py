"""Modules that do the same for less: held to what they stand in for, to the last bit where that is promised."""

from __future__ import annotations

import pytest
import torch

from pigeonhole.models.layers import parse_layers
from pigeonhole.models.networks.modules import build_modules
from pigeonhole.models.networks.modules.dropout import Dropout
from pigeonhole.models.networks.modules.order import pool_first


def chain(layers, shapes):
    torch.manual_seed(0)
    return torch.nn.Sequential(*[module for _, module in build_modules(parse_layers(layers)[0], shapes)])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("pooling", "shape"),
    [
        ({"max_pooling2d": {"pool_size": 3, "strides": 2, "padding": "same"}}, (9, 9, 4)),
        ("max_pooling2d", (8, 8, 4)),
        ("global_max_pooling2d", (8, 8, 4)),
    ],
)
def test_pooling_before_the_activation_changes_no_bit(monkeypatch, kind, pooling, shape):
    layers = [{"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same", "activation": "relu"}}, pooling]
    shapes = [(*shape[:2], 2), shape]
    pooled_first = chain(layers, shapes).to(kind)
    monkeypatch.setattr("pigeonhole.models.networks.modules.registry.pool_first", lambda layers, modules: None)
    as_written = chain(layers, shapes).to(kind)
    assert pooled_first[1].activation is not as_written[1].activation
    # Few levels, so that windows have ties, and whole windows below zero.
    x = torch.randint(-3, 2, (16, 2, *shape[:2])).to(kind).contiguous(memory_format=torch.channels_last)
    results = []
    for network in (pooled_first, as_written):
        y = network(x)
        torch.manual_seed(1)
        y.backward(torch.randn_like(y))
        results.append((y, network[0].conv.weight.grad, network[0].conv.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def test_no_other_activation_is_moved():
    layers = parse_layers([{"conv2d": {"filters": 1, "kernel_size": 1, "activation": "leaky_relu"}}, "max_pooling2d"])[
        0
    ]
    modules = [module for _, module in build_modules(layers, [(4, 4, 1), (4, 4, 1)])]
    before = modules[0].activation
    pool_first(layers, modules)
    assert modules[0].activation is before


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    torch.manual_seed(3)
    x = torch.ones(400, 8, 5, 5).contiguous(memory_format=torch.channels_last)
    y = Dropout(rate)(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert y.unique().tolist() == [0.0, pytest.approx(1 / (1 - rate), rel=1e-4)]
    # Five standard deviations of a share of 80,000, in all and in each channel.
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=5 * 0.5 / 80_000**0.5)
    assert (y == 0).float().mean(dim=(0, 2, 3)).sub(rate).abs().max() < 5 * 0.5 / 10_000**0.5


def test_dropout_goes_by_the_random_state_and_drops_the_gradient_too():
    x = torch.ones(7, 3, requires_grad=True)
    torch.manual_seed(1)
    first = Dropout(0.5)(x)
    torch.manual_seed(1)
    assert torch.equal(first, Dropout(0.5)(x))
    assert not torch.equal(first, Dropout(0.5)(x))
    first.sum().backward()
    assert torch.equal(x.grad, first.detach())


def test_dropout_does_nothing_while_evaluating_or_at_rate_zero():
    x = torch.rand(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
