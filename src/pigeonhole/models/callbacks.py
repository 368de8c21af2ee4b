"""What a training calls while it runs. The base does nothing; its subclasses each do one thing. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.models.networks.training.loop import Trainer


class Callback:
    """Does nothing at each point of a training; override what is needed.

    The trainer that it is shown holds the network, the optimizer and `trainer.state`: the records so far, the epoch
    and the step in it. `trainer.state.stop = True` ends the training after the epoch under way. What a callback raises
    ends it at once, and the same call of `fit` goes on from the last checkpoint. To end with the same bits after a
    kill, a callback that changes weights must depend on nothing but what the trainer holds.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first step of this process; `trainer.state.history` holds the epochs done before a kill."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first step of an epoch, or the next one of an epoch that a kill cut."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After a step. On CUDA the step may still be running: reading a tensor waits for it."""

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """After an epoch, its validation and its checkpoint; the record is the last of `trainer.state.history`."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch; not after an error."""


class Callbacks(Callback):
    """Several, in their order."""

    def __init__(self, members: Sequence[Callback]) -> None:
        self._members = members

    def on_train_begin(self, trainer: Trainer) -> None:
        """Each in turn."""
        for member in self._members:
            member.on_train_begin(trainer)

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Each in turn."""
        for member in self._members:
            member.on_epoch_begin(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        """Each in turn."""
        for member in self._members:
            member.on_step_end(trainer)

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Each in turn."""
        for member in self._members:
            member.on_epoch_end(trainer, record)

    def on_train_end(self, trainer: Trainer) -> None:
        """Each in turn."""
        for member in self._members:
            member.on_train_end(trainer)
