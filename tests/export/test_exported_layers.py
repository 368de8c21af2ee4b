"""Each kind of layer is exported as what it is, and ONNX Runtime gives torch's numbers.

Axes: N images, K classes.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pigeonhole import export, models
from pigeonhole.core.errors import GateError
from pigeonhole.export.network import network_graph
from pigeonhole.export.verification import open_model, verify
from pigeonhole.models.networks.batches import Normalizer
from pigeonhole.models.networks.network import network_of
from pigeonhole.models.networks.trained import TrainedNetwork
from pigeonhole.models.networks.undecided import decided
from pigeonhole.testing.presets import sample

SHAPE = (9, 8, 3)
LAYERS = {
    "depthwise": """
  - depthwise_conv2d: {kernel_size: 3, padding: same, depth_multiplier: 2, activation: silu}
  - separable_conv2d: {filters: 5, kernel_size: 2, padding: same, strides: 2, activation: gelu}""",
    "layer normalisation": """
  - layer_normalization
  - conv2d: {filters: 4, kernel_size: 3}
  - layer_normalization: {center: false, epsilon: 0.01}""",
    "residual": """
  - residual: {layers: [{conv2d: {filters: 3, kernel_size: 3, padding: same}}, batch_normalization], activation: relu}
  - residual: {layers: [{conv2d: {filters: 5, kernel_size: 3, padding: same, strides: 2}}]}
  - flatten
  - residual: [{dense: {units: 9, activation: elu}}]""",
    "threshold": """
  - conv2d: {filters: 4, kernel_size: 3, strides: 2, activation: threshold}
  - flatten
  - dense: 6
  - activation: threshold""",
}
BODY = """
type: network
layers:{layers}
  - flatten
  - dense: {{units: $classes, activation: softmax}}
training: {{epochs: 1}}
"""


def network(folder, layers):
    (folder / "mine.yml").write_text(BODY.format(layers=layers))
    spec = models.resolve(str(folder / "mine.yml"))
    torch.manual_seed(3)
    made = network_of(spec, SHAPE, 3)
    for tensor in made.state_dict().values():  # so that no bias and no running mean is zero
        tensor.add_(torch.rand_like(tensor) * 0.1)
    normalizer = Normalizer((90.0, 80.0, 70.0), (60.0, 50.0, 40.0))
    return TrainedNetwork(made.eval(), normalizer, spec, ("a", "b", "c"), SHAPE, {}, [], 0, "")


def images(n=40):
    return np.random.default_rng(1).integers(0, 256, (n, *SHAPE), np.uint8)


@pytest.mark.parametrize("kind", LAYERS)
def test_onnx_runtime_gives_what_torch_gives(tmp_path, kind):
    trained = network(tmp_path, LAYERS[kind])
    images_NHWC = images()
    graph, size = network_graph(trained)
    session = open_model(graph.SerializeToString())
    probs_NK, embedding_ND = session.run(["probabilities", "embedding"], {"images": images_NHWC})
    decided_N = decided(trained, images_NHWC)
    assert decided_N.mean() > 0.8
    assert np.abs(probs_NK - trained.probabilities(images_NHWC))[decided_N].max() < 1e-4
    assert embedding_ND.shape == (40, size)
    if kind == "threshold":
        assert set(np.unique(embedding_ND)) == {0, 1}
        assert sum(node.op_type == "Greater" for node in graph.graph.node) == 2, "a comparison, and nothing round it"


def stepping(folder, weight):
    """A network with one step, whose input for an image is `weight` times its first pixel, and about 1 for others."""
    trained = network(folder, "\n  - flatten\n  - dense: {units: 1, activation: threshold}")
    trained.normalizer = Normalizer((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    with torch.no_grad():
        for name, tensor in trained.network.features.named_parameters():
            tensor.zero_()
            if name.endswith("weight"):
                tensor[0, 0], tensor[0, 1] = weight, 1
    return trained


class Says:
    """In the place of an exported model: it says what it is told to."""

    def __init__(self, probs_NK):
        self.probs_NK = probs_NK

    def run(self, _names, _inputs):
        return [self.probs_NK]


def test_images_on_the_edge_of_a_step_are_counted_and_not_compared(tmp_path):
    images_NHWC = np.zeros((5, *SHAPE), np.uint8)
    images_NHWC[0, 0, 0, 0] = 1  # an input of 1e-7, where that of the others is 1 or exactly 0
    images_NHWC[1:4, 0, 0, 1] = 1
    trained = stepping(tmp_path, 1e-7)
    decided_N = decided(trained, images_NHWC)
    assert decided_N.tolist() == [False, True, True, True, True]
    expected_NK = trained.probabilities(images_NHWC)
    session = Says(expected_NK.copy())
    session.probs_NK[0] = expected_NK[0, [1, 2, 0]] + [0.5, 0, 0]
    _, figures = verify(session, images_NHWC, expected_NK, decided_N)
    assert (figures["images"], figures["undecided"]) == (4, 1)
    with pytest.raises(GateError, match="another class for 1 of 5"):
        verify(session, images_NHWC, expected_NK)
    with pytest.raises(GateError, match="each of the 5 images"):
        verify(session, images_NHWC, expected_NK, np.zeros(5, bool))


def test_a_trained_network_of_steps_becomes_a_bundle(tmp_path):
    (tmp_path / "mine.yml").write_text(BODY.format(layers=LAYERS["threshold"]))
    data = sample(60, side=11)
    trained = models.fit(models.resolve(str(tmp_path / "mine.yml")), data, seed=0, folder=tmp_path / "m")
    images_NHWC = data.train_images_NHWC
    made = export.to_bundle(
        trained,
        folder=tmp_path / "b",
        images_NHWC=images_NHWC,
        labels_N=data.train_labels_N,
        expected_probs_NK=trained.probabilities(images_NHWC),
        training_images_NHWC=images_NHWC,
        calibration={},
        lineage={},
    )
    made.check_probe()
    figures = made.lineage["verification"]
    assert figures["images"] + figures.get("undecided", 0) == len(images_NHWC)
