"""When checkpoints are written and which stay. How is `checkpoint` and `session`."""

from __future__ import annotations

import time
from typing import Any

from typing_extensions import override

from pigeonhole.models.callbacks import Callback
from pigeonhole.models.networks.checkpoints.checkpoint import prune
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.session import Session
from pigeonhole.models.networks.training.stopping import Stopping


class Saving(Callback):
    """Writes a checkpoint after each epoch and, in long ones, whenever so many seconds have gone by.

    Args:
        session: knows the folder and the settings.
        stopping: knows the best epoch, whose checkpoint stays.
    """

    def __init__(self, session: Session, stopping: Stopping) -> None:
        self._session, self._stopping = session, stopping
        self._saved_at = time.perf_counter()

    @override
    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Counts from here: the epoch before has its checkpoint."""
        self._saved_at = time.perf_counter()

    @override
    def on_step_end(self, trainer: Trainer) -> None:
        """Writes the checkpoint of the epoch under way, if it is due; after the last step the epoch's own follows."""
        every_s = trainer.training.checkpoint_every_s
        if every_s is None or trainer.state.step == trainer.plan.steps:
            return
        if time.perf_counter() - self._saved_at >= every_s:
            self._session.save(trainer)
            self._saved_at = time.perf_counter()

    @override
    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Writes the epoch's checkpoint, and clears away those that nobody asked to keep."""
        self._session.save(trainer)
        prune(self._session.folder, trainer.training.keep_checkpoints, self._stopping.best_epoch)
