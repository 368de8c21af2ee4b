"""How the loss goes while the learning rate grows, and a rate read off from it. Keeps no weights.

Source: Smith 2017, "Cyclical learning rates for training neural networks" (the range test), by step and with a smoothed
loss that ends it at four times its least value, as fastai has it.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import TrainingError
from pigeonhole.models.networks.checkpoints.fingerprint import Identity
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.session import Session
from pigeonhole.models.rate_search import RateSearch
from pigeonhole.models.settings import Schedule, Training
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import TrainingData

LOW, HIGH = 1e-5, 10.0
STEPS = 100
_REACH = 4  # steps before and after one that its smoothed loss is the mean of
_DIVERGED = 4.0  # times the least smoothed loss
_BEFORE_LEAST = 10.0


def climb(spec: ModelSpec, data: TrainingData, seed: int) -> RateSearch:
    """Trains for at most 100 steps, each with a higher rate than the one before, from 1e-5 to 10.

    Everything but the schedule is as in a training: batches, augmentation, optimizer, number type. The suggestion is
    a tenth of the rate at which the smoothed loss is least: at the least loss itself the steps are already so long
    that they undo what they gain. Where the loss is steepest, which others suggest, depends on the first weights: a
    network that starts badly is steepest long before.

    Raises:
        SpecError: the layers do not fit the images.
        TrainingError: the loss is not finite from the first steps on.
    """
    training = spec.training or Training()
    ramp = training.model_copy(update={"schedule": Schedule(), "ema_decay": 0.0, "epochs": STEPS})
    with tempfile.TemporaryDirectory() as folder:
        session = Session.open(Identity(replace(spec, training=ramp), data, seed, None), Path(folder))
    with session.hardware.in_use():
        trial = _Trial(session.trainer(data))
        trial.run()
    return trial.result()


class _Diverged(Exception):  # noqa: N818 - no error: it is what the search waits for
    """The loss has left for good."""


class _Trial:
    """A training whose rate grows from step to step, and what it saw."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._rates = np.geomspace(LOW, HIGH, STEPS)
        self._losses: list[float] = []
        self._smoothed: list[float] = []
        self._seen = 0.0

    def run(self) -> None:
        """Steps until the loss has left, or the highest rate was tried."""
        state = self._trainer.state
        self._set_rate()
        try:
            while True:
                self._trainer.run_epoch(self._follow)
                state.end_epoch({})
                self._seen = 0.0
        except _Diverged:
            return
        except TrainingError:  # not finite: as diverged as can be, unless it was so from the start
            if len(self._losses) < 2:
                raise
            return

    def _set_rate(self) -> None:
        trainer = self._trainer
        trainer.state.damping = self._rates[len(self._losses)] / trainer.training.optimizer.learning_rate

    def _follow(self) -> None:
        """Takes in the step that was made, and sets the rate of the next one."""
        self._trainer.look()
        total = self._trainer.state.tally.loss_sum
        self._losses.append((total - self._seen) / self._images())
        self._seen = total
        self._smoothed = smoothed(self._losses)
        if len(self._losses) == STEPS or self._smoothed[-1] > _DIVERGED * min(self._smoothed):
            raise _Diverged
        self._set_rate()

    def _images(self) -> int:
        """Of the step that was made: those of an epoch are dealt into nearly equal ones, the larger ones first."""
        plan = self._trainer.plan
        each, larger = divmod(plan.passes * plan.n_images, plan.steps)
        return each + (self._trainer.state.step <= larger)

    def result(self) -> RateSearch:
        """What was seen, and what follows."""
        rates = self._rates[: len(self._losses)]
        return RateSearch(rates.tolist(), self._losses, self._smoothed, suggestion(rates, self._smoothed))


def smoothed(losses: list[float]) -> list[float]:
    """Each loss as the mean of its nine neighbours, fewer at the ends: on both sides, so that nothing comes late."""
    return [float(np.mean(losses[max(0, step - _REACH) : step + _REACH + 1])) for step in range(len(losses))]


def suggestion(rates: npt.NDArray[np.float64], losses: list[float]) -> float:
    """A tenth of the rate with the least of the (smoothed) losses, to two digits."""
    return float(f"{rates[int(np.argmin(losses))] / _BEFORE_LEAST:.2g}")
