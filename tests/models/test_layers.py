"""Layers compute what Keras computes; the numbers here were worked out by hand or are Keras' own counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pigeonhole import models
from pigeonhole.core.errors import SpecError
from pigeonhole.models.layers import LAYERS, parse_layers
from pigeonhole.models.networks.modules import BUILDERS, build_module
from pigeonhole.models.networks.network import Network
from pigeonhole.models.summary import check_shapes


def layers(*items):
    parsed, problems = parse_layers(list(items))
    assert not problems
    return parsed


def run(item, x_NHWC):
    """One layer on channels-last numbers, as Keras has them."""
    (layer,) = layers(item)
    x_NHWC = np.asarray(x_NHWC, np.float32)
    module = build_module(layer, x_NHWC.shape[1:]).eval()
    if isinstance(getattr(module, "conv", None), torch.nn.Conv2d):
        torch.nn.init.ones_(module.conv.weight)
    x = torch.from_numpy(x_NHWC)
    with torch.no_grad():
        y = module(x.permute(0, 3, 1, 2) if x.ndim == 4 else x)
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy(), layer.output_shape(x_NHWC.shape[1:])


def count(shape, *items, classes=10):
    return sum(row.n_parameters for row in check_shapes(layers(*items), shape, classes))


def test_parameter_counts_are_those_of_keras():
    assert count((28, 28, 1), "flatten", {"dense": {"units": 128, "activation": "relu"}}, {"dense": 10}) == 101_770
    conv = [{"conv2d": {"filters": 32, "kernel_size": 3}}, "max_pooling2d"]
    conv += [{"conv2d": {"filters": 64, "kernel_size": [3, 3]}}, "max_pooling2d", "flatten", {"dense": 10}]
    assert count((28, 28, 1), *conv) == 34_826
    assert count((28, 28, 1), "flatten", "batch_normalization", {"dense": 10}) == 784 * 2 + 7850


def test_the_network_has_as_many_parameters_as_its_table_says():
    spec = models.resolve("cnn")
    rows = models.summarize(spec, (28, 28, 1), 10)
    network = Network([row.layer for row in rows], (28, 28, 1), 10)
    assert network.n_parameters == sum(row.n_parameters for row in rows)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_every_layer_has_a_module():
    assert set(BUILDERS) == set(LAYERS.values())


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [1, 2, 3, [2, 5]])
@pytest.mark.parametrize("side", [5, 6, 8])
def test_the_declared_shape_is_the_computed_one(side, size, padding, strides):
    x = np.zeros((2, side, side + 1, 3))
    for name, settings in (
        ("conv2d", {"filters": 4, "kernel_size": size}),
        ("max_pooling2d", {"pool_size": size}),
        ("average_pooling2d", {"pool_size": size}),
    ):
        y, declared = run({name: {**settings, "padding": padding, "strides": strides}}, x)
        assert y.shape[1:] == declared


def test_same_padding_puts_the_odd_row_below_and_the_odd_column_right():
    x = np.arange(16, dtype=float).reshape(1, 4, 4, 1)
    y, _ = run({"conv2d": {"filters": 1, "kernel_size": 2, "padding": "same"}}, x)
    assert y[0, 0, 0, 0] == 0 + 1 + 4 + 5
    assert y[0, 3, 3, 0] == 15


def test_padding_counts_in_no_pool():
    x = np.full((1, 3, 3, 1), -2.0)
    for name in ("max_pooling2d", "average_pooling2d"):
        y, _ = run({name: {"pool_size": 2, "padding": "same"}}, x)
        assert np.allclose(y, -2)


def test_flatten_goes_by_row_column_channel():
    x = np.arange(12, dtype=float).reshape(1, 2, 2, 3)
    assert run("flatten", x)[0].tolist() == [list(range(12))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", -1.0), ("relu", 0.0), ("leaky_relu", -0.2), ("elu", -0.63212), ("gelu", -0.15866),
        ("sigmoid", 0.26894), ("tanh", -0.76159),
    ],
)  # fmt: skip
def test_activations_have_keras_defaults(name, expected):
    assert run({"activation": name}, [[-1.0]])[0][0, 0] == pytest.approx(expected, abs=1e-5)


def test_global_pooling():
    x = np.arange(8, dtype=float).reshape(1, 2, 2, 2)
    assert run("global_max_pooling2d", x)[0].tolist() == [[6, 7]]
    assert run("global_average_pooling2d", x)[0].tolist() == [[3, 4]]


def test_small_images_are_padded_all_round_and_large_ones_left_alone():
    y, _ = run({"pad_to": {"height": 4, "width": 3}}, np.ones((1, 2, 2, 1)))
    assert y[0, :, :, 0].tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]]
    y, _ = run({"pad_to": {"height": 4, "width": 3}}, np.ones((1, 5, 5, 1)))
    assert y.shape == (1, 5, 5, 1)


def test_batch_normalization_follows_keras_momentum_and_epsilon():
    (layer,) = layers("batch_normalization")
    module = build_module(layer, (1,)).train()
    x = torch.tensor([[1.0], [3.0]])
    y = module(x)
    assert y[1].item() == pytest.approx(1 / np.sqrt(1 + 1e-3))
    assert module.mean.item() == pytest.approx(0.01 * 2)


def test_batch_normalization_takes_a_batch_of_one():
    (layer,) = layers("batch_normalization")
    module = build_module(layer, (4,)).train()
    assert module(torch.randn(1, 4)).abs().max() < 1e-4


def test_glorot_uniform_has_its_range_and_variance():
    (layer,) = layers({"dense": 300})
    weight = build_module(layer, (200,)).linear.weight
    assert weight.abs().max() <= (6 / 500) ** 0.5
    assert weight.var().item() == pytest.approx(2 / 500, rel=0.05)
    (layer,) = layers({"dense": {"units": 300, "kernel_initializer": "he_normal"}})
    weight = build_module(layer, (200,)).linear.weight
    assert weight.var().item() == pytest.approx(2 / 200, rel=0.05)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"conv2d": {"filters": 4, "kernel_size": 9}}], r"layer 1 \(conv2d\) got 8×8×1"),
        (["max_pooling2d", "max_pooling2d", "max_pooling2d", "max_pooling2d"], r"layer 4 \(max_pooling2d\) got 1×1×1"),
        ([{"dense": 10}], r"layer 1 \(dense\) got 8×8×1"),
        (["flatten", {"conv2d": {"filters": 4, "kernel_size": 3}}], r"layer 2 \(conv2d\) got 64"),
        (["flatten", {"dense": 9}], r"layer 2 \(dense\), the last one, gives 9"),
        ([{"depthwise_conv2d": {"kernel_size": [2, 9]}}], r"layer 1 \(depthwise_conv2d\) got 8×8×1"),
        (["flatten", {"depthwise_conv2d": {"kernel_size": 3}}], r"layer 2 \(depthwise_conv2d\) got 64"),
        (["flatten", {"separable_conv2d": {"filters": 2, "kernel_size": 3}}], r"layer 2 \(separable_conv2d\) got 64"),
    ],
)
def test_shapes_that_do_not_fit_name_the_layer_and_both_shapes(items, message):
    with pytest.raises(SpecError, match=message) as caught:
        check_shapes(layers(*items), (8, 8, 1), 10)
    assert caught.value.accepted


@pytest.mark.parametrize("items", [None, [], {}, [3], [{"flatten": 1, "dense": 2}], [{"flatten": 3}], ["conv2d"]])
def test_what_is_no_layer_list_is_told(items):
    assert parse_layers(items)[1]


def test_the_last_softmax_is_left_to_the_loss():
    body = ["flatten", {"dense": 5}]
    for ending in ([{"dense": {"units": 3, "activation": "softmax"}}], [{"dense": 3}, {"activation": "softmax"}]):
        network = Network(layers(*body, *ending), (2, 2, 1), 3)
        logits = network(torch.randn(4, 1, 2, 2))
        assert not torch.allclose(logits.sum(dim=1), torch.ones(4))
        assert network.embedding_size == 5


def test_a_network_without_hidden_layers_has_no_embedding():
    assert Network(layers("flatten", {"dense": 3}), (2, 2, 1), 3).embedding_size == 0
