"""Learning-rate schedules: pure functions of how far the training is, so that nothing of them needs saving."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pigeonhole.models.settings import Schedule


def multiplier(schedule: Schedule, done: float) -> float:
    """What the optimizer's learning rate is multiplied with.

    Args:
        schedule: its settings.
        done: share of all steps that were made, 0 to 1.
    """
    if schedule.name == "constant":
        return 1.0
    if done < schedule.warmup:
        return done / schedule.warmup
    way_down = (done - schedule.warmup) / (1 - schedule.warmup)
    return schedule.final + (1 - schedule.final) * _WAYS_DOWN[schedule.name](way_down)


_WAYS_DOWN: Mapping[str, Callable[[float], float]] = {
    "one-cycle": lambda way: (1 + math.cos(math.pi * way)) / 2,
    "linear": lambda way: 1 - way,
}
