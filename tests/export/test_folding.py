"""Steps that are taken into a convolution leave what the network says as it was, and those that cannot be, stay."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from pigeonhole.export.folding import fold
from pigeonhole.export.network import network_graph
from pigeonhole.export.verification import open_model
from pigeonhole.models.networks.batches import Normalizer
from pigeonhole.models.networks.network import network_of
from pigeonhole.models.networks.trained import TrainedNetwork
from pigeonhole.models.resolving import resolve

SHAPE = (12, 11, 3)
BODY = """
type: network
layers:{layers}
  - dense: {{units: $classes, activation: softmax}}
training: {{epochs: 1}}
"""
POOLED_FIRST = """
  - conv2d: {filters: 4, kernel_size: 3}
  - max_pooling2d: 2
  - batch_normalization
  - activation: relu
  - conv2d: {filters: 5, kernel_size: 3, padding: same}
  - batch_normalization
  - global_max_pooling2d
  - activation: relu"""
BORDERED = """
  - conv2d: {filters: 4, kernel_size: 3, padding: same, activation: relu}
  - global_average_pooling2d"""
STRIDED = """
  - depthwise_conv2d: {kernel_size: 3, depth_multiplier: 2}
  - max_pooling2d: {pool_size: 3, strides: 1, padding: same}
  - batch_normalization
  - flatten"""


def trained(folder, layers, negative=False):
    (folder / "mine.yml").write_text(BODY.format(layers=layers))
    spec = resolve(str(folder / "mine.yml"))
    torch.manual_seed(3)
    network = network_of(spec, SHAPE, 3)
    for name, tensor in network.state_dict().items():  # so that no bias and no running mean is zero
        tensor.add_(torch.rand_like(tensor) * 0.1)
        if negative and name.endswith("normalization.scale"):
            tensor[0] = -0.7
    normalizer = Normalizer((90.0, 80.0, 70.0), (60.0, 50.0, 40.0))
    return TrainedNetwork(network.eval(), normalizer, spec, ("a", "b", "c"), SHAPE, {}, [], 0, "")


def exported(network):
    """The kinds of its steps, and the largest difference from torch in probabilities and embedding."""
    images_NHWC = np.random.default_rng(1).integers(0, 256, (50, *SHAPE), np.uint8)
    model, _ = network_graph(network)
    onnx.checker.check_model(model, full_check=True)
    session = open_model(model.SerializeToString())
    probs_NK, embedding_ND = session.run(["probabilities", "embedding"], {"images": images_NHWC})
    x_NCHW = (torch.from_numpy(images_NHWC).permute(0, 3, 1, 2).float() - network.normalizer.tensors("cpu")[0]) / (
        network.normalizer.tensors("cpu")[1]
    )
    with torch.inference_mode():
        features_ND = network.network.features(x_NCHW).numpy()
    largest = float(np.abs(probs_NK - network.probabilities(images_NHWC)).max())
    largest = max(largest, float(np.abs(embedding_ND - features_ND).max() / np.abs(features_ND).max()))
    return [step.op_type for step in model.graph.node], largest, model


def test_scaling_normalisation_and_relu_go_into_the_convolutions(tmp_path):
    kinds, largest, model = exported(trained(tmp_path, POOLED_FIRST))
    assert largest < 1e-5
    for gone in ("Sub", "Div", "BatchNormalization", "ReduceMax"):
        assert gone not in kinds
    assert "GlobalMaxPool" in kinds
    for index, kind in enumerate(kinds):
        if kind == "Relu":
            assert kinds[index - 1] == "Conv", "ONNX Runtime takes a ReLU only into what it follows at once"
    read = {name for step in model.graph.node for name in step.input}
    assert {tensor.name for tensor in model.graph.initializer} <= read, "no weights that nobody reads"


def test_a_normalisation_that_turns_a_channel_round_stays_behind_the_pool(tmp_path):
    kinds, largest, _ = exported(trained(tmp_path, POOLED_FIRST, negative=True))
    assert largest < 1e-5
    assert kinds.count("BatchNormalization") == 1
    # The ReLU behind it could only pass the pool together with it.
    assert kinds[kinds.index("BatchNormalization") + 1] == "Relu"


def test_a_border_of_zeros_is_zero_after_the_mean_is_taken_off(tmp_path):
    kinds, largest, _ = exported(trained(tmp_path, BORDERED))
    assert largest < 1e-5
    assert "Sub" in kinds
    assert "Div" not in kinds
    assert "GlobalAveragePool" in kinds


def test_a_convolution_of_each_channel_by_itself_keeps_the_scaling_before_it(tmp_path):
    kinds, largest, _ = exported(trained(tmp_path, STRIDED))
    assert largest < 1e-5
    assert {"Sub", "Div"} <= set(kinds)
    assert "BatchNormalization" not in kinds


@pytest.mark.parametrize("kind", ["pool", "convolution", "output"])
def test_what_somebody_else_reads_is_left_as_it_is(kind):
    """Conv → MaxPool → Relu, where the middle of the way has a second reader."""
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    weights = numbers(np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32), "weights")
    second = {"pool": "pooled", "convolution": "convolved", "output": "pooled"}[kind]
    steps = [
        helper.make_node("Conv", ["x", "weights"], ["convolved"]),
        helper.make_node("MaxPool", ["convolved"], ["pooled"], kernel_shape=[2, 2]),
        helper.make_node("Relu", ["pooled"], ["y"]),
    ]
    if kind != "output":
        steps.append(helper.make_node("Neg", [second], ["z"]))
    outputs = [helper.make_tensor_value_info(name, 1, None) for name in ("y", second if kind == "output" else "z")]
    graph = helper.make_graph(steps, "g", [helper.make_tensor_value_info("x", 1, ["N", 3, 8, 8])], outputs, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    before = model.SerializeToString()
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    expected = open_model(before).run(None, {"x": x})
    fold(model)
    assert model.SerializeToString() == before
    for one, other in zip(open_model(model.SerializeToString()).run(None, {"x": x}), expected, strict=True):
        assert np.array_equal(one, other)
