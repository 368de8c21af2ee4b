"""Which module stands for which layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from pigeonhole.models.layers import Layer, Shape
from pigeonhole.models.layers.anywhere import Activation
from pigeonhole.models.layers.anywhere import Dropout as DropoutLayer
from pigeonhole.models.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from pigeonhole.models.layers.flat import Dense, Flatten
from pigeonhole.models.layers.normalization import BatchNormalization, LayerNormalization
from pigeonhole.models.layers.padding import PadTo
from pigeonhole.models.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pigeonhole.models.layers.residual import Residual
from pigeonhole.models.layers.transfer import Timm
from pigeonhole.models.networks.modules.activations import Activate
from pigeonhole.models.networks.modules.convolution import Convolution, DepthwiseConvolution, SeparableConvolution
from pigeonhole.models.networks.modules.dropout import Dropout
from pigeonhole.models.networks.modules.flat import DenseUnits, FlattenRows
from pigeonhole.models.networks.modules.normalization import BatchNorm, LayerNorm
from pigeonhole.models.networks.modules.order import pool_first
from pigeonhole.models.networks.modules.pooling import GlobalPooling, Pooling
from pigeonhole.models.networks.modules.residual import ResidualBlock
from pigeonhole.models.networks.transfer.backbone import Backbone

# A new layer needs its settings in `models/layers` and one line here.
BUILDERS: Mapping[type[Layer], Callable[..., nn.Module]] = {
    Conv2D: Convolution,
    DepthwiseConv2D: DepthwiseConvolution,
    SeparableConv2D: SeparableConvolution,
    MaxPooling2D: Pooling,
    AveragePooling2D: Pooling,
    GlobalMaxPooling2D: lambda layer, _shape: GlobalPooling(layer),
    GlobalAveragePooling2D: lambda layer, _shape: GlobalPooling(layer),
    Flatten: lambda _layer, _shape: FlattenRows(),
    Dense: DenseUnits,
    Activation: lambda layer, _shape: Activate(layer),
    BatchNormalization: BatchNorm,
    LayerNormalization: LayerNorm,
    DropoutLayer: lambda layer, _shape: Dropout(layer.rate),
    Residual: lambda layer, shape: ResidualBlock(layer, shape, build_modules),
    PadTo: lambda layer, shape: nn.ZeroPad2d(layer.sides(shape)),
    Timm: Backbone,
}


def build_module(layer: Layer, shape: Shape) -> nn.Module:
    """The torch module of one layer for inputs of `shape` (an image's, channels last)."""
    return BUILDERS[type(layer)](layer, shape)


def build_modules(layers: Sequence[Layer], shapes: Sequence[Shape]) -> list[tuple[str, nn.Module]]:
    """The modules of a layer list, each with its name among the weights (`01_conv2d`).

    Args:
        layers: in their order.
        shapes: before each of them; what stands behind those is not read.
    """
    known = layers[: len(shapes)]
    modules = [build_module(layer, shape) for layer, shape in zip(known, shapes, strict=False)]
    pool_first(known, modules)
    return [
        (f"{number:02d}_{layer.key}", module)
        for number, (layer, module) in enumerate(zip(known, modules, strict=True), start=1)
    ]
