"""Lowers the learning rate where the records of the epochs say so. By how much is `schedules`."""

from __future__ import annotations

from typing_extensions import override

from pigeonhole.models.callbacks import Callback
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.records import own_records
from pigeonhole.models.networks.training.schedules import damping


class Plateau(Callback):
    """Follows the records; for every schedule but `plateau` it changes nothing."""

    @override
    def on_epoch_begin(self, trainer: Trainer) -> None:
        """The records decide, so a kill changes nothing."""
        trainer.state.damping = damping(trainer.training.schedule, own_records(trainer.state.history))
