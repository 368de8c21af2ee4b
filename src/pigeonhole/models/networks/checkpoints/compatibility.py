"""Which checkpoints a training may go on from. Reads and writes none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pigeonhole.core.errors import SpecError
from pigeonhole.models.networks.checkpoints.checkpoint import Checkpoint
from pigeonhole.models.settings import Training


def refuse_late(start: Checkpoint, training: Training, path: Path) -> None:
    """Refuses a checkpoint that leaves no epoch to train.

    Raises:
        SpecError: it was saved after the last one or later.
    """
    if start.epoch >= training.epochs:
        raise SpecError(
            f"{path.name} was saved after epoch {start.epoch}, and the training is to have {training.epochs} epochs",
            f"more than {start.epoch} epochs, since training goes on with epoch {start.epoch + 1}",
            f"--set epochs={start.epoch + training.epochs}, or start from an earlier epoch",
        )


def refuse_unlike(own_weights: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Refuses the weights of another network.

    Raises:
        SpecError: a name or a shape differs.
    """
    own = {name: tuple(tensor.shape) for name, tensor in own_weights.items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if own != theirs:
        name = next(name for name in {**own, **theirs} if own.get(name) != theirs.get(name))
        raise SpecError(
            f"the checkpoint's {name} has shape {theirs.get(name, 'none')}",
            f"{own.get(name, 'no such weights')}, as in the network of this spec",
            "start from a run with the same layers, image shape and number of classes",
        )
