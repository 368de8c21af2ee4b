"""A training's settings and state between two processes: what a kill must not change, and how it is put back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pigeonhole.core.seeds import derive
from pigeonhole.models.checkpoints import CHECKPOINTS, UNFINISHED, checkpoint_name
from pigeonhole.models.networks import hardware as machines
from pigeonhole.models.networks.augmentation.settling import Settled, settle
from pigeonhole.models.networks.batches import Loader, Normalizer, Plan
from pigeonhole.models.networks.checkpoints.checkpoint import (
    Checkpoint,
    copy_weights,
    newest,
    read_tensors,
    remove_unfinished,
    write_tensors,
)
from pigeonhole.models.networks.checkpoints.compatibility import refuse_late, refuse_unlike
from pigeonhole.models.networks.checkpoints.fingerprint import Identity
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.network import network_of
from pigeonhole.models.networks.optimizers.making import make_optimizer, restore_state, state_tensors
from pigeonhole.models.networks.training.averaging import Average
from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.objective import Objective
from pigeonhole.models.networks.training.randomness import Randomness
from pigeonhole.models.networks.training.schedules import check_schedule
from pigeonhole.models.networks.training.state import State
from pigeonhole.models.networks.transfer.backbone import published_normalizer
from pigeonhole.models.networks.transfer.weights import load_first_weights
from pigeonhole.models.settings import Training
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import TrainingData


@dataclass(frozen=True)
class Session:
    """One training, begun now or gone on with.

    Attributes:
        spec: what is trained.
        training: its settings, with what was left to the images settled.
        augmentation: what was settled, and why.
        seed: where all randomness comes from.
        folder: where checkpoints go.
        mark: the training's fingerprint.
        hardware: as it was when the training began.
        normalizer: likewise; weights know their images only as they were normalised then.
        saved: the checkpoint to begin from, its own or another training's; `None` begins anew.
        goes_on: whether `saved` is of this very training, so that its position holds.
    """

    spec: ModelSpec
    training: Training
    augmentation: Settled
    seed: int
    folder: Path
    mark: str
    hardware: Hardware
    normalizer: Normalizer
    saved: Checkpoint | None
    goes_on: bool

    @classmethod
    def open(cls, identity: Identity, folder: Path) -> Session:
        """The session of a folder, with the newest checkpoint there, else from another training's, else from nothing.

        Raises:
            ConflictError: the folder holds another training, or this machine lacks its device.
            DataError: a checkpoint cannot be read.
            SpecError: the settings do not fit the data, or the checkpoint to start from.
        """
        spec, data = identity.spec, identity.data
        training = spec.training or Training()
        check_schedule(training.schedule, validated=data.validation is not None)
        own = newest(folder)
        if own is not None:
            identity.refuse_another(folder, own.state["fingerprint"], own.state["spec"])
        augmentation = settle(training.augment, data, own.state if own else {})
        saved = own or _start(identity.start_from, training)
        return cls(
            spec,
            training.model_copy(update={"augment": augmentation.augment}),
            augmentation,
            identity.seed,
            folder,
            identity.mark(),
            machines.restore(own.state["hardware"]) if own else machines.choose(training.precision),
            _normalizer(saved, spec, data),
            saved,
            goes_on=own is not None,
        )

    @property
    def history(self) -> list[dict[str, Any]]:
        """The records up to the checkpoint, those of another training marked as inherited."""
        records = self.saved.state["history"] if self.saved else []
        return list(records) if self.goes_on else [{**record, "inherited": True} for record in records]

    def trainer(self, data: TrainingData) -> Trainer:
        """All that a step needs, in the state of the checkpoint.

        Raises:
            SpecError: the layers do not fit the images, or the checkpoint.
        """
        device = self.hardware.device
        classes = len(data.class_names)
        torch.manual_seed(derive(self.seed, "weights"))
        network = network_of(self.spec, data.shape_HWC, classes)
        if self.saved is None:
            load_first_weights(network)
        network.to(device)
        plan = Plan.of(len(data.train_labels_N), self.training.batch_size, self.training.min_steps)
        trainer = Trainer(
            network,
            make_optimizer(self.training.optimizer, network, self.hardware.precision),
            Average(network, self.training.ema_decay),
            self.training,
            self.hardware,
            plan,
            Loader(data.train_images_NHWC, self.normalizer, device),
            torch.from_numpy(np.array(data.train_labels_N, np.int64)).to(device),
            Objective.of(self.training, data.train_labels_N, classes, device),
            State(self.history, Randomness(device, self.seed), plan.largest_step),
            self.seed,
        )
        if self.saved is not None:
            self._restore(self.saved, trainer)
        return trainer

    def save(self, trainer: Trainer) -> None:
        """Writes the checkpoint after an epoch, or inside one if it is under way.

        Raises:
            DataError: the disk is full.
            TrainingError: it cannot be written for another reason, or the loss is not finite.
        """
        trainer.look()
        state = {
            **trainer.state.words(),
            "fingerprint": self.mark,
            "spec": self.spec.to_dict(),
            "seed": self.seed,
            "optimizer": self.training.optimizer.name,
            "augmentation": self.augmentation.to_dict(),
            "normalizer": vars(self.normalizer),
            "hardware": vars(self.hardware),
        }
        groups = {
            "network": trainer.network.state_dict(),
            "average": trainer.average.tensors,
            "optimizer": state_tensors(trainer.optimizer),
        }
        if trainer.state.step:
            groups["random"] = trainer.state.randomness.tensors()
            write_tensors(self.folder / CHECKPOINTS / UNFINISHED, groups, state)
        else:
            write_tensors(self.folder / CHECKPOINTS / checkpoint_name(len(trainer.state.history)), groups, state)
            remove_unfinished(self.folder)

    def _restore(self, saved: Checkpoint, trainer: Trainer) -> None:
        groups, network = saved.groups, trainer.network
        refuse_unlike(network.state_dict(), groups.get("network", {}))
        copy_weights(network.state_dict(), groups["network"])
        # Another training's average or optimizer may be missing here, or of another kind: then it begins anew.
        trainer.average.restore(groups.get("average") or network.state_dict())
        if saved.state["optimizer"] == self.training.optimizer.name:
            restore_state(trainer.optimizer, groups.get("optimizer", {}))
        if self.goes_on:
            trainer.state.resume(saved.state)
            trainer.state.randomness.carry_on(groups.get("random", {}))


def _start(path: Path | None, training: Training) -> Checkpoint | None:
    if path is None:
        return None
    start = read_tensors(path)
    refuse_late(start, training, path)
    return start


def _normalizer(saved: Checkpoint | None, spec: ModelSpec, data: TrainingData) -> Normalizer:
    if saved is not None:
        return Normalizer(**{name: tuple(values) for name, values in saved.state["normalizer"].items()})
    return published_normalizer(spec, data.shape_HWC[2]) or Normalizer.of(data.train_images_NHWC)
