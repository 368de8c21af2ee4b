"""One epoch of training steps. Knows no files, no records and no validation.

Axes: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pigeonhole.core.errors import TrainingError
from pigeonhole.models.networks.augmentation import augment, mix
from pigeonhole.models.networks.batches import Loader, Plan
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.lean import take_step
from pigeonhole.models.networks.network import Network
from pigeonhole.models.networks.optimizers.making import set_learning_rate
from pigeonhole.models.networks.training.averaging import Average
from pigeonhole.models.networks.training.objective import Objective, Targets
from pigeonhole.models.networks.training.schedules import multiplier
from pigeonhole.models.networks.training.scoring import Score
from pigeonhole.models.networks.training.shortage import within_memory
from pigeonhole.models.networks.training.state import State
from pigeonhole.models.networks.training.tally import StepResult
from pigeonhole.models.settings import Training


@dataclass(frozen=True)
class Trainer:
    """All that a step needs. What changes while training is in `network`, `optimizer`, `average` and `state`."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: Average
    training: Training
    hardware: Hardware
    plan: Plan
    loader: Loader
    labels_N: Tensor
    objective: Objective
    state: State
    seed: int

    def run_epoch(self, on_step: Callable[[], None]) -> Score:
        """Trains for the epoch under way, from the step it is at; `on_step` is called after each.

        Only the seed and the epoch decide what is random in it.

        Raises:
            TrainingError: the loss is not finite; step, learning rate and gradient norm are named.
            BudgetError: memory runs out even with one image at once.
        """
        self.state.start_clock()
        self.state.randomness.begin(self.state.epoch)
        self.network.train()
        for rows in self.plan.deal(self.seed, self.state.epoch, self.state.step):
            self._step(rows)
            self.state.step += 1
            on_step()
        self.look()
        images = self.plan.passes * self.plan.n_images
        return Score(self.state.tally.loss_sum / images, self.state.tally.hits / images)

    def _step(self, rows_N: npt.NDArray[np.int64]) -> None:
        step = (self.state.epoch - 1) * self.plan.steps + self.state.step + 1
        x_NCHW, targets = self._batch(rows_N)
        rate = self.learning_rate(step)
        set_learning_rate(self.optimizer, rate)
        # A batch that memory cannot hold goes through in parts from here on; the gradient is that of the whole.
        (loss, hits), self.state.images_at_once = within_memory(
            partial(self._accumulate, x_NCHW, targets), self.state.images_at_once
        )
        self.state.tally.add(StepResult(step, len(rows_N), rate, loss, hits, self._clip()))
        if self.hardware.looks_each_step:
            self.look()
        take_step(self.optimizer)
        self.average.update(step)

    def _batch(self, rows_N: npt.NDArray[np.int64]) -> tuple[Tensor, Targets]:
        how, random = self.training.augment, self.state.randomness.augment
        x_NCHW, share_N = mix(augment(self.loader.take(rows_N), how, random), how.mixup, random)
        return x_NCHW, Targets.mixed(self.labels_N[self.loader.on_device(rows_N)], share_N)

    def _accumulate(self, x_NCHW: Tensor, targets: Targets, at_once: int) -> tuple[Tensor, Tensor]:
        """Gradients of the batch, from parts of at most `at_once` images; its mean loss, and how many were right."""
        self.network.zero_grad()  # the optimizer's own imports torch's compiler; see `lean`
        losses, hits = [], []
        for part_NCHW, part in zip(torch.split(x_NCHW, at_once), targets.split(at_once), strict=True):
            share = len(part_NCHW) / len(x_NCHW)
            with self.hardware.autocast():
                logits_NK = self.network(part_NCHW)
            logits_NK = logits_NK.float()
            minimised, recorded = self.objective.losses(logits_NK, part)
            penalty = self.network.penalty()
            if penalty is not None:
                minimised = minimised + penalty
            (minimised * share).backward()  # type: ignore[no-untyped-call]
            losses.append(recorded * share)
            hits.append((logits_NK.detach().argmax(dim=1) == part.labels_N).sum())
        return sum(losses[1:], start=losses[0]), sum(hits[1:], start=hits[0])

    def _clip(self) -> Tensor | None:
        """The norm of the gradients before they are clipped, if they are or if it could not be told later."""
        if self.training.global_clipnorm:
            return nn.utils.clip_grad_norm_(self.network.parameters(), self.training.global_clipnorm)
        return None if self.hardware.looks_each_step else self._gradient_norm()

    def look(self) -> None:
        """Sums up the steps that were not looked at yet.

        Raises:
            TrainingError: the loss of one is not finite.
        """
        bad = self.state.tally.look()
        if bad is not None:
            raise self._not_finite(bad)

    def learning_rate(self, step: int) -> float:
        """The rate of a step (from 1) of the whole training."""
        done = step / (self.plan.steps * self.training.epochs)
        scheduled = multiplier(self.training.schedule, done, self.training.epochs)
        return self.training.optimizer.learning_rate * scheduled * self.state.damping

    def _gradient_norm(self) -> Tensor:
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def _not_finite(self, bad: StepResult) -> TrainingError:
        norm = float(self._gradient_norm() if bad.gradient_norm is None else bad.gradient_norm)
        epoch = (bad.step - 1) // self.plan.steps + 1
        return TrainingError(
            f"the loss is {bad.loss.item()} at step {bad.step:,} (epoch {epoch} of {self.training.epochs}),"
            f" with learning rate {bad.learning_rate:.4g} and gradient norm {norm:.4g}",
            "a finite loss",
            self._remedy(),
        )

    def _remedy(self) -> str:
        """What is left to do: not what is done already."""
        ways = [f"a lower rate (--set optimizer.learning_rate={self.training.optimizer.learning_rate / 4:.2g})"]
        if not self.training.global_clipnorm:
            ways.append("--set global_clipnorm=1")
        if self.hardware.precision != "fp32":
            ways.append("--set precision=fp32")
        return f"train with {' or '.join(ways)}"
