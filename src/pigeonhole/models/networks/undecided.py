"""For which images rounding decides what a step function gives, so that two exact programs may differ.

Axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pigeonhole.models.networks.batches import Loader
from pigeonhole.models.networks.modules.activations import Step
from pigeonhole.models.networks.trained import TrainedNetwork
from pigeonhole.models.trained import PREDICTION_BATCH, Images

# Of the inputs' root mean square. Where two programs gave different steps, the input lay within 2.3e-7 of zero.
MARGIN = 1e-5


@torch.inference_mode()
def decided(trained: TrainedNetwork, images_NHWC: Images) -> npt.NDArray[np.bool_]:
    """True (N) for images of which no input of a step lies so near zero that the order of a sum decides its side."""
    decided_N = np.ones(len(images_NHWC), bool)
    steps = [module for module in trained.network.modules() if isinstance(module, Step)]
    if not steps:
        return decided_N
    trained.network.eval()
    start = 0
    for x_NCHW in Loader(images_NHWC, trained.normalizer, "cpu").in_order(PREDICTION_BATCH):
        with _watching(steps) as verdicts:
            trained.network(x_NCHW)
        decided_N[start : start + len(x_NCHW)] = torch.stack(verdicts).all(dim=0).numpy()
        start += len(x_NCHW)
    return decided_N


@contextmanager
def _watching(steps: list[Step]) -> Iterator[list[Tensor]]:
    """Collects, as the steps run, which images each of them decides."""
    verdicts: list[Tensor] = []

    def watch(_step: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        size = inputs[0].abs().flatten(1)
        # An exact zero comes from inputs that are all zero, in whatever order they are summed.
        near = (size > 0) & (size < MARGIN * size.square().mean().sqrt())
        verdicts.append(~near.any(dim=1))

    handles = [step.register_forward_pre_hook(watch) for step in steps]
    try:
        yield verdicts
    finally:
        for handle in handles:
            handle.remove()
