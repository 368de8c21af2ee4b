"""A network of timm inside one of ours, with the head left out: raw sizes and grey images in, features out.

Axes: N images, H height, W width, C channels, D features.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers import Shape, parse_layers
from pigeonhole.models.layers.transfer import Timm
from pigeonhole.models.networks.batches import Normalizer
from pigeonhole.models.networks.transfer.timm_models import build, measure
from pigeonhole.models.spec import ModelSpec


def published_normalizer(spec: ModelSpec, channels: int) -> Normalizer | None:
    """What the weights of a spec's timm layer want their images normalised with; `None` where it has no weights.

    Grey images get the mean of the three means and of the three standard deviations; `Backbone` puts the rest right.
    """
    layers, _ = parse_layers(list(spec.layers))
    return next((_normalizer(layer, channels) for layer in layers if isinstance(layer, Timm) and layer.mean), None)


class Backbone(nn.Module):
    """`timm`.

    Frozen, it stays in evaluation mode, so that normalisations use and keep the statistics of their training, and what
    it gives an image does not depend on the others of the batch.

    Attributes:
        layer: its settings.
        network: timm's own module, without its head.

    Args:
        layer: the settings.
        shape: of the images.
    """

    def __init__(self, layer: Timm, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        self.size_HW = layer.size(shape)
        self.resizes = self.size_HW != shape[:2]
        self.shrinks = self.size_HW[0] < shape[0] or self.size_HW[1] < shape[1]
        self.network = build(layer.name, self.size_HW)
        self.network.requires_grad_(not layer.freeze)
        self.outstrides = measure(layer.name, self.size_HW).outstrides
        self.is_grey = shape[2] == 1
        scale_C, offset_C = _grey_to_colours(layer)
        self.scale_C: Tensor
        self.offset_C: Tensor
        self.register_buffer("scale_C", scale_C.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("offset_C", offset_C.view(1, 3, 1, 1), persistent=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, D)."""
        if self.resizes:
            # Smoothing counts only where pixels are lost: without it small things vanish between the new ones.
            x_NCHW = functional.interpolate(
                x_NCHW, self.size_HW, mode="bilinear", align_corners=False, antialias=self.shrinks
            )
        if self.is_grey:
            x_NCHW = x_NCHW * self.scale_C + self.offset_C
        if self.network.training and len(x_NCHW) == 1:
            # One image can leave one value a channel, which has no variance: torch refuses to normalise by it.
            return self._features(torch.cat([x_NCHW, x_NCHW]))[:1]
        return self._features(x_NCHW)

    def train(self, mode: bool = True) -> Self:
        """As every module's; a frozen network stays in evaluation mode."""
        super().train(mode)
        self.network.train(mode and not self.layer.freeze)
        return self

    def _features(self, x_NCHW: Tensor) -> Tensor:
        # In bf16 on a CPU the gradient of a convolution that steps further than its input reaches is unwritten memory
        # where its kernel saw no pixel (torch 2.13: NaN after a few steps). In fp32 it is zero, as it must be.
        if self.outstrides and self.network.training and x_NCHW.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                return self._run(x_NCHW)
        return self._run(x_NCHW)

    def _run(self, x_NCHW: Tensor) -> Tensor:
        features_ND: Tensor = self.network(x_NCHW)
        return features_ND


def _normalizer(layer: Timm, channels: int) -> Normalizer:
    mean_C, sd_C = _statistics(layer)
    if channels == 1:
        mean_C, sd_C = mean_C.mean(dim=0, keepdim=True), sd_C.mean(dim=0, keepdim=True)
    return Normalizer(tuple((255 * mean_C).tolist()), tuple((255 * sd_C).tolist()))


def _grey_to_colours(layer: Timm) -> tuple[Tensor, Tensor]:
    """Factor and summand of each colour that make of a normalised grey value what its own normalisation would have."""
    mean_C, sd_C = _statistics(layer)
    return (sd_C.mean() / sd_C).float(), ((mean_C.mean() - mean_C) / sd_C).float()


def _statistics(layer: Timm) -> tuple[Tensor, Tensor]:
    """In 0 to 1; equal for all colours where the images' own are used, which leaves grey values as they are."""
    mean, sd = layer.mean or (0.0, 0.0, 0.0), layer.sd or (1.0, 1.0, 1.0)
    return torch.tensor(mean, dtype=torch.float64, device="cpu"), torch.tensor(sd, dtype=torch.float64, device="cpu")
