"""Blocks that add their input: shapes, shortcuts, and what is said where they do not fit."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import parse_yaml
from pigeonhole.models.layers import ShapeProblem, parse_layers
from pigeonhole.models.networks.modules import build_module
from pigeonhole.models.networks.network import Network
from pigeonhole.models.summary import check_shapes, with_classes


def block(**fields):
    (layer,), problems = parse_layers([{"residual": fields}])
    assert not problems
    return layer


def conv(filters=4, **fields):
    return {"conv2d": {"filters": filters, "kernel_size": 3, "padding": "same", **fields}}


def test_layers_that_give_nothing_leave_the_input():
    module = build_module(block(layers=[conv(kernel_initializer="zeros")]), (6, 6, 4))
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(module(x), x)
    assert module.shortcut is None


def test_the_activation_comes_after_the_sum():
    module = build_module(block(layers=[conv(kernel_initializer="zeros")], activation="relu"), (6, 6, 4))
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(module(x), x.relu())


def test_a_plain_list_is_a_block_too():
    (plain,), problems = parse_layers([{"residual": [conv()]}])
    assert not problems
    assert plain == block(layers=[conv()])


@pytest.mark.parametrize(("shortcut", "projected"), [("auto", False), ("identity", False), ("projection", True)])
def test_a_projection_can_be_asked_for(shortcut, projected):
    assert (block(layers=[conv()], shortcut=shortcut).projection((6, 6, 4)) is not None) == projected


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.sampled_from(["same", "valid"]), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_a_projection_fits_or_is_refused_before_it_is_built(height, width, strides, padding, size):
    layer = block(layers=[{"max_pooling2d": {"pool_size": size, "strides": strides, "padding": padding}}])
    try:
        declared = layer.output_shape((height, width, 2))
    except ShapeProblem:
        assert padding == "valid"
        return
    y = build_module(layer, (height, width, 2))(torch.zeros(1, 2, height, width))
    assert tuple(y.permute(0, 2, 3, 1).shape[1:]) == declared


@pytest.mark.parametrize(
    ("fields", "message", "accepted"),
    [
        ({"layers": ["flatten"]}, r"layer 2 \(residual\) got 8×8×4", "keep an image an image"),
        (
            {"layers": [conv(5)], "shortcut": "identity"},
            r"layer 2 \(residual\) got 8×8×4",
            r"8×8×4 again \(they give 8",
        ),
        ({"layers": [conv(padding="valid")]}, r"layer 2 \(residual\) got 8×8×4", "padding: same"),
        ({"layers": [conv(), {"dense": 3}]}, r"layer 2 \(residual\), layer 2 \(dense\) got 8×8×4", "flat"),
        (
            {"layers": [conv(), {"residual": ["max_pooling2d", conv(kernel_size=9, padding="valid")]}]},
            r"layer 2 \(residual\), layer 2 \(residual\), layer 2 \(conv2d\) got 4×4×4, from images of 8×8×1",
            "at least 9×9 pixels",
        ),
    ],
)
def test_a_block_that_does_not_fit_is_named_by_its_path(fields, message, accepted):
    layers, _ = parse_layers([conv(), {"residual": fields}, "flatten", {"dense": 3}])
    with pytest.raises(SpecError, match=message) as caught:
        check_shapes(layers, (8, 8, 1), 3)
    assert caught.value.remedy
    assert re.search(accepted, caught.value.accepted)


def test_problems_inside_a_block_come_with_line_and_path_and_all_at_once():
    value, lines = parse_yaml(
        """layers:
  - flatten
  - residual:
      layers:
        - conv2d: {filters: 4, kernel_size: 3}
        - conv2d: {filters: none, kernel_size: 3}
        - residual:
            - drop: 1
      shortcuts: auto
""",
        "x.yml",
    )
    _, problems = parse_layers(value["layers"], lines)
    assert len(problems) == 3
    assert problems[0].startswith("line 6: layer 2 (residual), layer 2 (conv2d): 1 problem")
    assert problems[1].startswith("line 8: layer 2 (residual), layer 3 (residual), layer 1: unknown layer 'drop'")
    assert problems[2].startswith("line 3: layer 2 (residual): 1 problem")
    assert "did you mean 'shortcut'?" in problems[2]


@pytest.mark.parametrize("inner", [None, [], {}, "flatten", 3])
def test_a_block_needs_layers(inner):
    _, problems = parse_layers([{"residual": {"layers": inner}}])
    assert "layer 1 (residual), layers: a list of at least one layer is needed" in problems


def test_the_number_of_classes_reaches_a_block():
    layers, _ = parse_layers(["flatten", {"residual": [{"dense": "$classes"}]}, {"dense": "$classes"}])
    network = Network([with_classes(layer, 3) for layer in layers], (2, 2, 1), 3)
    assert network(torch.zeros(1, 1, 2, 2)).shape == (1, 3)
    assert network.embedding_size == 3


def test_rows_inside_a_block_carry_its_number():
    layers, _ = parse_layers([{"residual": [conv(strides=2), "batch_normalization"]}, "flatten", {"dense": 3}])
    (row, *_) = check_shapes(layers, (8, 8, 1), 3)
    assert [inner.number for inner in row.inner] == ["1.1", "1.2", "1.shortcut"]
    assert [inner.n_parameters for inner in row.inner] == [40, 8, 4]
    assert sum(inner.n_parameters for inner in row.inner) == row.n_parameters
    assert (row.n_non_trainable, row.output_shape) == (8, (4, 4, 4))
