"""A whole network from a layer list: normalised images in, logits out. Knows nothing of training.

Axes: N images, H height, W width, C channels, K classes, D embedding.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pigeonhole.models.layers import Layer, parse_layers
from pigeonhole.models.layers.anywhere import Activation
from pigeonhole.models.layers.flat import Dense
from pigeonhole.models.networks.modules import build_modules
from pigeonhole.models.networks.penalties import penalty, regularized_in
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.summary import check_shapes, with_classes


class Network(nn.Module):
    """The layers of a spec.

    A softmax at the very end is left out and belongs to whoever wants probabilities: the loss is exact only on
    logits (log-sum-exp), and a network that ends without one is read as giving logits.

    Args:
        layers: with the number of classes put in.
        shape_HWC: the images' shape.
        classes: K.

    Raises:
        SpecError: the shapes do not fit.
    """

    def __init__(self, layers: Sequence[Layer], shape_HWC: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        layers = _without_last_softmax(layers)
        rows = check_shapes(layers, shape_HWC, classes)
        inputs = [shape_HWC, *(row.output_shape for row in rows)]
        modules = build_modules(layers, inputs)
        head = max((i for i, row in enumerate(rows) if isinstance(row.layer, Dense)), default=len(rows))
        self.features = nn.Sequential(OrderedDict(modules[:head]))
        self.head = nn.Sequential(OrderedDict(modules[head:]))
        self.has_embedding = any(row.n_parameters or row.n_non_trainable for row in rows[:head])
        self.embedding_size = inputs[head][0] if self.has_embedding else 0
        self._regularized = regularized_in(self)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits (N, K)."""
        logits_NK: Tensor = self.head(self.features(x_NCHW))
        return logits_NK

    def penalty(self) -> Tensor | None:
        """What the kernels' L1 and L2 regularisers add to the training loss; `None` where no layer has one."""
        return penalty(self._regularized)

    @property
    def n_parameters(self) -> int:
        """Trained numbers; what is frozen is none."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


def network_of(spec: ModelSpec, shape_HWC: tuple[int, int, int], classes: int) -> Network:
    """An untrained network, with first weights from torch's current random state, in channels-last memory.

    Raises:
        SpecError: the shapes do not fit; the layer is named.
    """
    layers, _ = parse_layers(list(spec.layers))
    network = Network([with_classes(layer, classes) for layer in layers], shape_HWC, classes)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _without_last_softmax(layers: Sequence[Layer]) -> list[Layer]:
    *before, last = layers
    if isinstance(last, Dense) and last.activation == "softmax":
        return [*before, last.model_copy(update={"activation": "linear"})]
    if isinstance(last, Activation) and last.activation == "softmax" and before:
        return before
    return [*layers]
