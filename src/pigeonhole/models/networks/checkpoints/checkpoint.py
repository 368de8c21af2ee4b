"""A training's whole state in one safetensors file, with its JSON in the header: whole or absent, and no pickle.

After an epoch, what is random next and the schedule follow from seed and epoch, so weights, their average, the
optimizer's memory and the records of the epochs are all there is. Inside one, the sums over its steps and the states of
the random streams stand beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pigeonhole.core.errors import DataError, TrainingError
from pigeonhole.core.files import write_bytes
from pigeonhole.models.checkpoints import CHECKPOINTS, UNFINISHED, checkpoint_epochs, checkpoint_name

FORMAT = "pigeonhole-checkpoint"
FORMAT_VERSION = 2  # 1 knew no position inside an epoch
READABLE = (1, 2)
Groups = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Checkpoint:
    """What was saved.

    Attributes:
        groups: `network`, `average`, `optimizer` and, inside an epoch, `random`; each name → tensor.
        state: JSON: epoch, fingerprint, spec, history, normalisation, hardware and, inside an epoch, `under_way`.
    """

    groups: Groups
    state: Mapping[str, Any]

    @property
    def epoch(self) -> int:
        """The last epoch that was done when it was saved."""
        return int(self.state["epoch"])


def write_tensors(path: Path, groups: Groups, state: Mapping[str, Any]) -> None:
    """Writes one file atomically.

    Raises:
        DataError: the disk is full.
        TrainingError: it cannot be written for another reason.
    """
    tensors = {
        f"{group}.{name}": tensor.detach().cpu().contiguous()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, **state}
    content = save(tensors, {"pigeonhole": json.dumps(header, allow_nan=False)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written: {error}",
            "a folder that can be written, since a training that saves nothing cannot be resumed",
            "make the folder writable, then run the same command again",
        ) from error


def read_tensors(path: Path) -> Checkpoint:
    """What `write_tensors` wrote.

    Raises:
        DataError: no such file, damaged, or from a later release.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("pigeonhole", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "a checkpoint", "use another checkpoint") from error
    if header.get("format") != FORMAT or header.get("format_version") not in READABLE:
        raise DataError(
            f"{path} has format {header.get('format')!r}, version {header.get('format_version')}",
            f"{FORMAT}, version {' or '.join(map(str, READABLE))}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, name = key.split(".", 1)
        groups.setdefault(group, {})[name] = tensor
    return Checkpoint(groups, header)


def newest(folder: Path) -> Checkpoint | None:
    """The last checkpoint in a model folder, or `None`; clears away what a kill left half-written or outdated."""
    checkpoints = folder / CHECKPOINTS
    for leftover in checkpoints.glob(".*.safetensors.*"):
        leftover.unlink(missing_ok=True)
    epochs = checkpoint_epochs(folder)
    if (checkpoints / UNFINISHED).is_file():
        unfinished = read_tensors(checkpoints / UNFINISHED)
        if not epochs or unfinished.epoch >= epochs[-1]:
            return unfinished
        remove_unfinished(folder)
    return read_tensors(checkpoints / checkpoint_name(epochs[-1])) if epochs else None


def remove_unfinished(folder: Path) -> None:
    """Removes the checkpoint inside an epoch, once the epoch has its own."""
    (folder / CHECKPOINTS / UNFINISHED).unlink(missing_ok=True)


def prune(folder: Path, keep: int | None, best_epoch: int) -> None:
    """Removes all but the newest `keep` checkpoints and the best one; `None` keeps all."""
    if keep is None:
        return
    for epoch in checkpoint_epochs(folder)[:-keep]:
        if epoch != best_epoch:
            (folder / CHECKPOINTS / checkpoint_name(epoch)).unlink(missing_ok=True)


@torch.no_grad()
def copy_weights(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Copies tensors of the same names and shapes in place, whatever their memory layout."""
    for name, tensor in target.items():
        tensor.copy_(source[name])
