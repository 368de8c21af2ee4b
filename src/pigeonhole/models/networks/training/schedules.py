"""Learning-rate schedules: pure functions of how far the training is and of its records, so nothing needs saving."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pigeonhole.core.errors import SpecError
from pigeonhole.models.settings import Schedule


def multiplier(schedule: Schedule, done: float, epochs: int = 1) -> float:
    """What the optimizer's learning rate is multiplied with; `damping` stands beside it.

    Args:
        schedule: its settings.
        done: share of all steps that were made, 0 to 1, with the step that the rate is for.
        epochs: of the whole training, for schedules that count them.
    """
    if done < schedule.warmup:
        return done / schedule.warmup
    if schedule.name == "step":
        return max(schedule.factor ** _steps_down(schedule, done * epochs), schedule.final)
    way_down = _WAYS_DOWN.get(schedule.name)
    if way_down is None:
        return 1.0
    way = (done - schedule.warmup) / (1 - schedule.warmup)
    return schedule.final + (1 - schedule.final) * way_down(way)


def _half_cosine(way: float) -> float:
    return (1 + math.cos(math.pi * way)) / 2


_WAYS_DOWN: Mapping[str, Callable[[float], float]] = {
    "linear": lambda way: 1 - way,
    "one-cycle": _half_cosine,
    "cosine": _half_cosine,
}


def _steps_down(schedule: Schedule, epochs_done: float) -> int:
    # The step that ends an epoch still belongs to it; the last digits of a product do not decide.
    whole_epochs = math.ceil(epochs_done - 1e-6) - 1
    if schedule.every is not None:
        return max(whole_epochs, 0) // schedule.every
    return sum(milestone <= whole_epochs for milestone in schedule.milestones)


def damping(schedule: Schedule, records: Sequence[Mapping[str, Any]]) -> float:
    """What `plateau` has multiplied the rate with after the epochs of `records`; 1 for every other schedule.

    As in Keras: an epoch is better if it improves on the best one by more than `min_delta`; after `patience` epochs
    without a better one the rate is lowered, and the next `cooldown` epochs do not count.

    Args:
        schedule: its settings.
        records: the epochs of this training, from the first.
    """
    if schedule.name != "plateau":
        return 1.0
    sign = 1 if schedule.monitor == "validation_accuracy" else -1
    best, waited, resting, scale = -math.inf, 0, 0, 1.0
    for record in records:
        merit = sign * record[schedule.monitor]
        resting -= resting > 0
        better = merit > best + schedule.min_delta
        best = merit if better else best
        waited = 0 if better or resting else waited + 1
        if waited >= schedule.patience:
            scale, waited, resting = max(scale * schedule.factor, schedule.final), 0, schedule.cooldown
    return scale


def check_schedule(schedule: Schedule, *, validated: bool) -> None:
    """Refuses a schedule that lacks what it goes by.

    Raises:
        SpecError: `plateau`, and there is no validation split.
    """
    if schedule.name == "plateau" and not validated:
        raise SpecError(
            "the schedule plateau, and no validation images",
            "plateau with a validation split, whose loss or accuracy it goes by",
            "ingest with a validation split, or choose another schedule (--set schedule.name=cosine)",
        )
