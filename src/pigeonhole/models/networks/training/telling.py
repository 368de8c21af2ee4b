"""Tells an observer how a training goes. Decides and computes nothing."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from pigeonhole.models.callbacks import Callback
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.trained import Observer


class Telling(Callback):
    """Passes facts and records on to an observer.

    Args:
        observer: whoever watches.
        facts: what is known before the first step.
    """

    def __init__(self, observer: Observer, facts: dict[str, Any]) -> None:
        self._observer, self._facts = observer, facts

    @override
    def on_train_begin(self, trainer: Trainer) -> None:
        """Facts, and the records of epochs done before a kill."""
        self._observer.on_start({**self._facts, "history": list(trainer.state.history)})

    @override
    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """The record; its checkpoint is on disk."""
        self._observer.on_epoch(record)
