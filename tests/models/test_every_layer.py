"""What holds for all layers: declared shapes and counts are those of torch, and a spec survives JSON and bf16."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pigeonhole.models.layers import LAYERS, ShapeProblem, parse_layers, shapes_through
from pigeonhole.models.layers.registry import layer_to_item
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.modules import build_module
from pigeonhole.models.networks.modules.activations import Step
from pigeonhole.models.networks.network import Network

EVERYTHING = [
    {"pad_to": {"height": 9, "width": 9}},
    {"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same", "kernel_regularizer": "l2"}},
    {"batch_normalization": {"scale": False}},
    {"activation": "relu"},
    {"residual": {"layers": [{"depthwise_conv2d": {"kernel_size": 3, "padding": "same"}}, "layer_normalization"]}},
    {"separable_conv2d": {"filters": 6, "kernel_size": 2, "padding": "same", "activation": "silu"}},
    {
        "residual": {
            "layers": [
                {"depthwise_conv2d": {"kernel_size": [3, 3], "strides": 2, "padding": "same", "depth_multiplier": 2}},
                {"residual": {"layers": ["batch_normalization"], "activation": "gelu"}},
            ],
            "activation": "relu",
        }
    },
    {"max_pooling2d": {"pool_size": 2, "strides": 1, "padding": "same"}},
    {"average_pooling2d": {"pool_size": 2, "strides": 1, "padding": "same"}},
    "flatten",
    "layer_normalization",
    {"dropout": 0.1},
    {"residual": {"layers": [{"dense": {"units": 6, "activation": "elu"}}]}},
    {"dense": {"units": 3, "kernel_regularizer": {"l1": 0.001}}},
]  # fmt: skip
WINDOW = st.fixed_dictionaries(
    {"kernel_size": st.integers(1, 3)},
    optional={
        "strides": st.integers(1, 2),
        "padding": st.sampled_from(["same", "valid"]),
        "use_bias": st.booleans(),
        "activation": st.sampled_from(["relu", "threshold", "softmax"]),
    },
)
FILTERS = st.fixed_dictionaries({"filters": st.integers(1, 3)})
POOL = st.fixed_dictionaries({"pool_size": st.integers(1, 3)}, optional={"padding": st.sampled_from(["same", "valid"])})
NORM = st.fixed_dictionaries({}, optional={"center": st.booleans(), "scale": st.booleans()})
DEPTH = st.fixed_dictionaries(
    {}, optional={"depth_multiplier": st.integers(1, 2), "depthwise_regularizer": st.just("l1")}
)


def named(name, *settings):
    return st.tuples(*settings).map(lambda parts: {name: {key: v for part in parts for key, v in part.items()}})


SIMPLE = st.one_of(
    named("conv2d", FILTERS, WINDOW),
    named("depthwise_conv2d", WINDOW, DEPTH),
    named("separable_conv2d", FILTERS, WINDOW, DEPTH),
    named("max_pooling2d", POOL),
    named("average_pooling2d", POOL),
    named("batch_normalization", NORM),
    named("layer_normalization", NORM),
    st.sampled_from(["flatten", "global_max_pooling2d", "global_average_pooling2d", {"dense": 3}, {"dropout": 0.5}]),
    st.sampled_from([{"activation": "swish"}, {"pad_to": {"height": 5, "width": 2}}]),
)
ITEMS = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda items: {"residual": items}), max_leaves=6
)


@given(st.lists(ITEMS, min_size=1, max_size=4), st.integers(1, 7), st.integers(1, 7))
@settings(deadline=None, max_examples=150)
def test_what_a_layer_declares_is_what_torch_has(items, height, width):
    layers, problems = parse_layers(items)
    assert not problems
    again, problems = parse_layers(json.loads(json.dumps([layer_to_item(layer) for layer in layers])))
    assert not problems
    assert again == layers
    shape = (height, width, 2)
    try:
        shapes = shapes_through(layers, shape)
    except ShapeProblem as problem:
        missing = [part for part in (problem.got, problem.place) if not part]
        assert not missing, "the shape and the layer's place are in it"
        return
    x = torch.randn(2, 2, height, width)
    for layer, before, after in zip(layers, shapes, shapes[1:], strict=False):
        module = build_module(layer, before).eval()
        x = module(x)
        assert tuple((x.permute(0, 2, 3, 1) if x.ndim == 4 else x).shape[1:]) == after
        assert sum(p.numel() for p in module.parameters()) == layer.n_parameters(before)
        assert sum(b.numel() for b in module.buffers()) == layer.n_non_trainable(before)


def everything():
    layers, problems = parse_layers(EVERYTHING)
    assert not problems
    torch.manual_seed(0)
    network = Network(layers, (8, 9, 2), 3)
    network.to(memory_format=torch.channels_last)
    return network


def gradients(precision):
    network = everything()
    torch.manual_seed(1)
    x_NCHW = torch.randn(16, 2, 8, 9).to(memory_format=torch.channels_last)
    with Hardware("cpu", precision, 1).autocast():
        logits_NK = network.train()(x_NCHW)
    loss = functional.cross_entropy(logits_NK.float(), torch.arange(16) % 3) + network.penalty()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.dtype == p.dtype for p in network.parameters())
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def test_a_step_in_bf16_goes_where_one_in_fp32_goes():
    exact, rounded = gradients("fp32"), gradients("bf16")
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=0) > 0.99


@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d"])
def test_a_stride_beyond_the_image_leaves_no_gradient_unwritten_in_bf16(name):
    settings = {"kernel_size": 3, "strides": 2, "padding": "same", **({"filters": 8} if name == "conv2d" else {})}
    (layer,) = parse_layers([{name: settings}])[0]
    for channels in range(3, 16):
        module = build_module(layer, (1, 1, channels)).to(memory_format=torch.channels_last)
        with Hardware("cpu", "bf16", 1).autocast():
            y = module(torch.randn(16, channels, 1, 1))
        y.float().square().sum().backward()
        kernel = next(parameter for parameter in module.parameters() if parameter.ndim == 4)
        seen = torch.zeros_like(kernel, dtype=torch.bool)
        seen[:, :, 1, 1] = True
        assert (kernel.grad[~seen] == 0).all(), "what sees only padding has no gradient"


def test_every_layer_is_in_these_tests():
    tried = json.dumps(EVERYTHING)
    missing = {key for key in LAYERS if f'"{key}"' not in tried}
    assert missing == {"global_max_pooling2d", "global_average_pooling2d", "timm"}, "timm has tests of its own"


def test_images_stay_in_channels_last_memory():
    network = everything()
    x = torch.randn(2, 2, 8, 9).to(memory_format=torch.channels_last)
    for name, module in network.features.named_children():
        x = module(x)
        assert x.ndim != 4 or x.is_contiguous(memory_format=torch.channels_last), name


def test_layer_normalization_views_an_image_in_channels_last_memory_and_copies_nothing():
    (layer,), _ = parse_layers([{"layer_normalization": {"center": False, "scale": False}}])
    seen = []
    module = build_module(layer, (8, 9, 4))
    original = module._normalize
    module._normalize = lambda x: (seen.append(x), original(x))[1]
    x = torch.randn(2, 4, 8, 9).to(memory_format=torch.channels_last)
    module(x)
    assert seen[0].data_ptr() == x.data_ptr()
    assert seen[0].is_contiguous()


def test_the_step_is_zero_or_one_and_passes_gradients_between_minus_one_and_one():
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], requires_grad=True)
    y = Step()(x)
    assert y.tolist() == [0, 0, 0, 0, 1, 1, 1]
    (y * torch.arange(1, 8)).sum().backward()
    assert x.grad.tolist() == [0, 0, 3, 4, 5, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_step_keeps_the_number_type(dtype):
    x = torch.randn(4, dtype=dtype, requires_grad=True)
    y = Step()(x)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (dtype, dtype)
    with torch.no_grad():
        assert torch.equal(Step()(x), y)


def test_depthwise_first_weights_have_the_range_of_keras():
    (layer,), _ = parse_layers([{"depthwise_conv2d": {"kernel_size": 3, "depth_multiplier": 40}}])
    weight = build_module(layer, (5, 5, 60)).conv.weight
    limit = (6 / (9 * 60 + 9 * 40)) ** 0.5
    assert 0.97 * limit < weight.abs().max() <= limit
