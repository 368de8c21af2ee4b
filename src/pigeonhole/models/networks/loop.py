"""One epoch of training steps, and one look at a validation split. Knows no files and no history.

Axes: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.core.errors import TrainingError
from pigeonhole.core.seeds import derive
from pigeonhole.models.networks.augmentation import augment
from pigeonhole.models.networks.averaging import Average
from pigeonhole.models.networks.batches import Loader, Plan
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.lean import take_step
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.optimizers import set_learning_rate
from pigeonhole.models.networks.schedules import multiplier
from pigeonhole.models.settings import Training
from pigeonhole.models.trained import Labels

VALIDATION_BATCH = 500


@dataclass(frozen=True)
class Score:
    """Mean loss and accuracy over some images.

    Attributes:
        loss: cross-entropy in nats, with labels smoothed as in training, so that both curves are of one thing.
        accuracy: share of images whose largest output is their class.
    """

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Trainer:
    """All that a step needs. What changes while training is in `network`, `optimizer` and `average`."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: Average
    training: Training
    hardware: Hardware
    plan: Plan
    loader: Loader
    labels_N: Tensor
    seed: int

    def run_epoch(self, epoch: int) -> Score:
        """Trains for one epoch (from 1). Only the seed and the epoch decide what is random in it.

        Raises:
            TrainingError: the loss is not finite; step, learning rate and gradient norm are named.
        """
        torch.manual_seed(derive(self.seed, "epoch", epoch, "dropout"))
        random = torch.Generator().manual_seed(derive(self.seed, "epoch", epoch, "augment"))
        self.network.train()
        loss_sum, right = 0.0, 0
        for index, rows in enumerate(self.plan.deal(self.seed, epoch)):
            step = (epoch - 1) * self.plan.steps + index + 1
            labels_N = self.labels_N[torch.from_numpy(rows)]
            x_NCHW = augment(self.loader.take(rows), self.training.augment, random)
            loss, hits = self._step(x_NCHW, labels_N, step)
            loss_sum += loss * len(rows)
            right += hits
        images = self.plan.passes * self.plan.n_images
        return Score(loss_sum / images, right / images)

    def _step(self, x_NCHW: Tensor, labels_N: Tensor, step: int) -> tuple[float, int]:
        rate = self.learning_rate(step)
        set_learning_rate(self.optimizer, rate)
        with self.hardware.autocast():
            logits_NK = self.network(x_NCHW)
        loss = functional.cross_entropy(logits_NK.float(), labels_N, label_smoothing=self.training.label_smoothing)
        self.network.zero_grad()  # the optimizer's own imports torch's compiler; see `lean`
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        if not math.isfinite(value):
            raise self._not_finite(value, step, rate)
        take_step(self.optimizer)
        self.average.update(step)
        return value, int((logits_NK.detach().argmax(dim=1) == labels_N).sum())

    def learning_rate(self, step: int) -> float:
        """The rate of a step (from 1) of the whole training."""
        done = step / (self.plan.steps * self.training.epochs)
        return self.training.optimizer.learning_rate * multiplier(self.training.schedule, done)

    def _not_finite(self, loss: float, step: int, rate: float) -> TrainingError:
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        norm = float(nn.utils.get_total_norm(gradients))
        epoch = (step - 1) // self.plan.steps + 1
        return TrainingError(
            f"the loss is {loss} at step {step:,} (epoch {epoch} of {self.training.epochs}),"
            f" with learning rate {rate:.4g} and gradient norm {norm:.4g}",
            "a finite loss",
            f"train with a lower rate (--set learning_rate={self.training.optimizer.learning_rate / 4:.2g}),"
            " or with --set precision=fp32",
        )


@torch.inference_mode()
def score(network: Network, loader: Loader, labels_N: Labels, hardware: Hardware, label_smoothing: float) -> Score:
    """Loss and accuracy of the network as it stands, in the number type of training.

    Raises:
        TrainingError: the loss is not finite.
    """
    network.eval()
    logits = []
    for x_NCHW in loader.in_order(VALIDATION_BATCH):
        with hardware.autocast():
            logits.append(network(x_NCHW).float())
    logits_NK = torch.cat(logits)
    targets_N = torch.from_numpy(np.asarray(labels_N, np.int64)).to(logits_NK.device)
    loss = float(functional.cross_entropy(logits_NK, targets_N, label_smoothing=label_smoothing))
    if not math.isfinite(loss):
        raise TrainingError(f"the validation loss is {loss}", "a finite loss", "train with a lower --set learning_rate")
    return Score(loss, float((logits_NK.argmax(dim=1) == targets_N).float().mean()))
