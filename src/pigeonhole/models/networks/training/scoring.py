"""One look at a validation split. Trains nothing.

Axes: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pigeonhole.core.errors import TrainingError
from pigeonhole.models.networks.batches import Loader
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.training.objective import Objective, Targets
from pigeonhole.models.networks.training.shortage import within_memory
from pigeonhole.models.networks.views import merged, views
from pigeonhole.models.settings import Views
from pigeonhole.models.trained import Labels

VALIDATION_BATCH = 500


@dataclass(frozen=True)
class Score:
    """Mean loss and accuracy over some images.

    Attributes:
        loss: cross-entropy in nats, with labels smoothed as in training, so that both curves are of one thing; without
            class weights and penalties.
        accuracy: share of images whose largest output is their class.
    """

    loss: float
    accuracy: float


@torch.inference_mode()
def score(
    network: Network, loader: Loader, labels_N: Labels, hardware: Hardware, objective: Objective, how: Views
) -> Score:
    """Loss and accuracy of the network as it stands, over the views of `how`, in the number type of training.

    Raises:
        TrainingError: the loss is not finite.
        BudgetError: memory runs out even with one image at once.
    """
    network.eval()
    logits_NK, _ = within_memory(
        partial(_logits, network, loader, hardware, how), max(1, VALIDATION_BATCH // how.count)
    )
    targets_N = torch.from_numpy(np.asarray(labels_N, np.int64)).to(logits_NK.device)
    loss = float(objective.losses(logits_NK, Targets(targets_N))[1])
    if not math.isfinite(loss):
        raise TrainingError(
            f"the validation loss is {loss}", "a finite loss", "train with a lower --set optimizer.learning_rate"
        )
    return Score(loss, float((logits_NK.argmax(dim=1) == targets_N).float().mean()))


def _logits(network: Network, loader: Loader, hardware: Hardware, how: Views, at_once: int) -> Tensor:
    logits = []
    for x_NCHW in loader.in_order(at_once):
        with hardware.autocast():
            logits.append(merged(network(views(x_NCHW, how)), how).float())
    return torch.cat(logits)
