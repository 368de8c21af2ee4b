"""Names of the files in a model folder, so that other rooms find checkpoints without torch. Reads none of them."""

from __future__ import annotations

import re
from pathlib import Path

from pigeonhole.core.errors import NotFoundError

MODEL_JSON = "model.json"
WEIGHTS = "model.safetensors"
CHECKPOINTS = "checkpoints"
UNFINISHED = "unfinished.safetensors"  # the epoch under way
_NAME = re.compile(r"epoch-(\d+)\.safetensors")


def checkpoint_name(epoch: int) -> str:
    """The file name of an epoch's checkpoint."""
    return f"epoch-{epoch:04d}.safetensors"


def checkpoint_epochs(folder: Path) -> list[int]:
    """The epochs that have a checkpoint in a model folder, ascending."""
    found = (_NAME.fullmatch(path.name) for path in (folder / CHECKPOINTS).glob("epoch-*.safetensors"))
    return sorted(int(match[1]) for match in found if match)


def checkpoint_path(folder: Path, epoch: int | None = None) -> Path:
    """A checkpoint file, to pass as `start_from`.

    Args:
        folder: the model folder that `fit` wrote.
        epoch: which epoch's; `None` means the newest.

    Raises:
        NotFoundError: there is none; those that exist are named.
    """
    epochs = checkpoint_epochs(folder)
    if not epochs or (epoch is not None and epoch not in epochs):
        which = "a checkpoint" if epoch is None else f"a checkpoint of epoch {epoch}"
        raise NotFoundError(
            f"{which} in {folder}",
            f"epoch {', '.join(map(str, epochs))}" if epochs else "a network that finished at least one epoch",
            "choose one of these epochs" if epochs else "choose another run",
        )
    return folder / CHECKPOINTS / checkpoint_name(epochs[-1] if epoch is None else epoch)
