"""A training's settings and state between two processes: what a kill must not change, and how it is put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pigeonhole.core.errors import ConflictError, SpecError
from pigeonhole.core.seeds import derive
from pigeonhole.models.checkpoints import CHECKPOINTS, checkpoint_name
from pigeonhole.models.networks import hardware as machines
from pigeonhole.models.networks.averaging import Average
from pigeonhole.models.networks.batches import Loader, Normalizer, Plan
from pigeonhole.models.networks.checkpoint import Checkpoint, copy_weights, newest, read_tensors, write_tensors
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.loop import Trainer
from pigeonhole.models.networks.network import Network, network_of
from pigeonhole.models.networks.optimizers import make_optimizer, restore_state, state_tensors
from pigeonhole.models.networks.transfer import published_normalizer
from pigeonhole.models.networks.transfer_weights import load_first_weights
from pigeonhole.models.settings import Training
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import TrainingData


@dataclass(frozen=True)
class Session:
    """One training, begun now or gone on with.

    Attributes:
        spec: what is trained.
        training: its settings.
        seed: where all randomness comes from.
        folder: where checkpoints go.
        mark: the training's fingerprint.
        hardware: as it was when the training began.
        normalizer: likewise; weights know their images only as they were normalised then.
        saved: the checkpoint to begin from, its own or another training's; `None` begins anew.
        history: the records up to that checkpoint.
    """

    spec: ModelSpec
    training: Training
    seed: int
    folder: Path
    mark: str
    hardware: Hardware
    normalizer: Normalizer
    saved: Checkpoint | None
    history: list[dict[str, Any]]

    @classmethod
    def open(
        cls, spec: ModelSpec, data: TrainingData, seed: int, folder: Path, mark: str, start_from: Path | None
    ) -> Session:
        """The session of a folder, with the newest checkpoint there, else from `start_from`, else from nothing."""
        training = spec.training or Training()
        own = newest(folder)
        if own is not None:
            refuse_another(folder, own.state["fingerprint"], mark)
            hardware = machines.restore(own.state["hardware"])
            return cls(spec, training, seed, folder, mark, hardware, _normalizer(own), own, list(own.state["history"]))
        hardware = machines.choose(training.precision)
        if start_from is None:
            normalizer = published_normalizer(spec, data.shape_HWC[2]) or Normalizer.of(data.train_images_NHWC)
            return cls(spec, training, seed, folder, mark, hardware, normalizer, None, [])
        start = read_tensors(start_from)
        _refuse_late(start, training, start_from)
        history = [{**record, "inherited": True} for record in start.state["history"]]
        return cls(spec, training, seed, folder, mark, hardware, _normalizer(start), start, history)

    def trainer(self, data: TrainingData) -> Trainer:
        """All that a step needs, in the state of the checkpoint.

        Raises:
            SpecError: the layers do not fit the images, or the checkpoint.
        """
        device = self.hardware.device
        torch.manual_seed(derive(self.seed, "weights"))
        network = network_of(self.spec, data.shape_HWC, len(data.class_names))
        if self.saved is None:
            load_first_weights(network)
        network.to(device)
        average = Average(network, self.training.ema_decay)
        optimizer = make_optimizer(self.training.optimizer, network)
        if self.saved is not None:
            self._restore(self.saved, network, average, optimizer)
        return Trainer(
            network,
            optimizer,
            average,
            self.training,
            self.hardware,
            Plan.of(len(data.train_labels_N), self.training.batch_size, self.training.min_steps),
            Loader(data.train_images_NHWC, self.normalizer, device),
            torch.from_numpy(np.array(data.train_labels_N, np.int64)).to(device),
            self.seed,
        )

    def save(self, trainer: Trainer, history: list[dict[str, Any]]) -> None:
        """Writes the checkpoint after the last epoch of `history`.

        Raises:
            DataError: the disk is full.
            TrainingError: it cannot be written for another reason.
        """
        state = {
            "epoch": len(history),
            "fingerprint": self.mark,
            "spec": self.spec.to_dict(),
            "seed": self.seed,
            "optimizer": self.training.optimizer.name,
            "normalizer": vars(self.normalizer),
            "hardware": vars(self.hardware),
            "history": history,
        }
        groups = {
            "network": trainer.network.state_dict(),
            "average": trainer.average.tensors,
            "optimizer": state_tensors(trainer.optimizer),
        }
        write_tensors(self.folder / CHECKPOINTS / checkpoint_name(len(history)), groups, state)

    def _restore(self, saved: Checkpoint, network: Network, average: Average, optimizer: torch.optim.Optimizer) -> None:
        groups = saved.groups
        _refuse_unlike(network, groups.get("network", {}))
        copy_weights(network.state_dict(), groups["network"])
        # Another training's average or optimizer may be missing here, or of another kind: then it begins anew.
        average.restore(groups.get("average") or network.state_dict())
        if saved.state["optimizer"] == self.training.optimizer.name:
            restore_state(optimizer, groups.get("optimizer", {}))


def refuse_another(folder: Path, standing: str, mark: str) -> None:
    """Refuses to go on in a folder that another training began.

    Raises:
        ConflictError: the fingerprints differ.
    """
    if standing != mark:
        raise ConflictError(
            f"{folder} holds a training with other settings, seed or images",
            "a new folder, or the very same training",
            "use another folder, or pass that training's checkpoint as the one to start from",
        )


def _normalizer(saved: Checkpoint) -> Normalizer:
    return Normalizer(**{name: tuple(values) for name, values in saved.state["normalizer"].items()})


def _refuse_late(start: Checkpoint, training: Training, path: Path) -> None:
    if start.epoch >= training.epochs:
        raise SpecError(
            f"{path.name} was saved after epoch {start.epoch}, and the training is to have {training.epochs} epochs",
            f"more than {start.epoch} epochs, since training goes on with epoch {start.epoch + 1}",
            f"--set epochs={start.epoch + training.epochs}, or start from an earlier epoch",
        )


def _refuse_unlike(network: Network, weights: Mapping[str, torch.Tensor]) -> None:
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if own != theirs:
        name = next(name for name in {**own, **theirs} if own.get(name) != theirs.get(name))
        raise SpecError(
            f"the checkpoint's {name} has shape {theirs.get(name, 'none')}",
            f"{own.get(name, 'no such weights')}, as in the network of this spec",
            "start from a run with the same layers, image shape and number of classes",
        )
