"""Which epoch is the best so far, and whether to stop. Decides on validation figures only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pigeonhole.models.callbacks import Callback
from pigeonhole.models.settings import EarlyStopping

if TYPE_CHECKING:
    from pigeonhole.models.networks.training.loop import Trainer


class Stopping(Callback):
    """Follows the monitored figure over the epochs.

    Without a validation split every epoch counts as better than the one before, and nothing stops early.

    Args:
        how: the settings.
        history: records of epochs done before, in order; they are followed at once.
    """

    def __init__(self, how: EarlyStopping, history: list[dict[str, Any]]) -> None:
        self._how = how
        self._best: tuple[float, float] | None = None
        self.best_epoch = 0
        self._last_epoch = 0
        for record in history:
            self.follow(record)

    @override
    def on_train_begin(self, trainer: Trainer) -> None:
        """Stops at once if the epochs before a kill say so."""
        trainer.state.stop |= self.is_due

    @override
    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Notes in the record whether it is the best so far; where the last is kept, none is marked."""
        record["best"] = self.follow(record) and self._how.restore_best_weights
        trainer.state.stop |= self.is_due

    def follow(self, record: dict[str, Any]) -> bool:
        """Takes in an epoch's record; True if it is the best so far."""
        self._last_epoch = record["epoch"]
        merit = self._merit(record)
        better = merit is None or self._best is None or merit > self._best
        if better:
            self._best, self.best_epoch = merit, record["epoch"]
        return better

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the model is to have."""
        return self.best_epoch if self._how.restore_best_weights else self._last_epoch

    @property
    def is_due(self) -> bool:
        """Whether no epoch of the last `patience` was the best."""
        return 0 < self._how.patience <= self._last_epoch - self.best_epoch

    def _merit(self, record: dict[str, Any]) -> tuple[float, float] | None:
        loss, accuracy = record["validation_loss"], record["validation_accuracy"]
        if loss is None or accuracy is None:
            return None
        return (accuracy, -loss) if self._how.monitor == "validation_accuracy" else (-loss, accuracy)
