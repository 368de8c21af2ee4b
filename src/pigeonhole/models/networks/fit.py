"""A network's training from start or last checkpoint to its end. Sequences the parts; each is a file of its own."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pigeonhole.core.errors import ConflictError, SpecError
from pigeonhole.core.seeds import derive
from pigeonhole.models.checkpoints import CHECKPOINTS, MODEL_JSON, checkpoint_name, checkpoint_path
from pigeonhole.models.networks import hardware as machines
from pigeonhole.models.networks.averaging import Average
from pigeonhole.models.networks.batches import Loader, Normalizer, Plan
from pigeonhole.models.networks.checkpoint import Checkpoint, copy_weights, newest, prune, read_tensors, write_tensors
from pigeonhole.models.networks.fingerprint import fingerprint
from pigeonhole.models.networks.hardware import Hardware
from pigeonhole.models.networks.loop import Score, Trainer, score
from pigeonhole.models.networks.network import Network, network_of
from pigeonhole.models.networks.optimizers import make_optimizer, restore_state, state_tensors
from pigeonhole.models.networks.stopping import Stopping
from pigeonhole.models.networks.trained import TrainedNetwork, load_network
from pigeonhole.models.spec import ModelSpec, Training
from pigeonhole.models.trained import Observer, TrainingData

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def fit_network(
    spec: ModelSpec,
    data: TrainingData,
    *,
    seed: int,
    folder: Path,
    observer: Observer,
    start_from: Path | None = None,
) -> TrainedNetwork:
    """A trained network; see `models.fit`."""
    mark = fingerprint(spec, data, seed, start_from)
    finished = _finished(folder, mark)
    if finished is not None:
        observer.on_start({**finished.facts, "history": finished.history})
        return finished
    checkpoint = newest(folder)
    if checkpoint is not None:
        _refuse_another(folder, checkpoint.state["fingerprint"], mark)
    session = _Session.open(spec, data, seed, folder, mark, checkpoint, start_from)
    with session.hardware.in_use():
        return session.run(data, observer)


@dataclass
class _Session:
    """A training under way: what stays the same, and the records so far."""

    spec: ModelSpec
    training: Training
    seed: int
    folder: Path
    mark: str
    hardware: Hardware
    normalizer: Normalizer
    history: list[dict[str, Any]]
    saved: Checkpoint | None

    @classmethod
    def open(
        cls,
        spec: ModelSpec,
        data: TrainingData,
        seed: int,
        folder: Path,
        mark: str,
        own: Checkpoint | None,
        start_from: Path | None,
    ) -> _Session:
        """Settles what a kill must not change: hardware and normalisation come from the checkpoint, if there is one."""
        training = spec.training or Training()
        saved, history = own, []
        hardware = machines.restore(own.state["hardware"]) if own else machines.choose(training.precision)
        if own is not None:
            history = list(own.state["history"])
        elif start_from is not None:
            saved = read_tensors(start_from)
            _check_start(saved, training, start_from)
            history = [{**record, "inherited": True} for record in saved.state["history"]]
        if saved is None:
            normalizer = Normalizer.of(data.train_images_NHWC)
        else:  # the weights know their images only as they were normalised then
            normalizer = Normalizer(**{name: tuple(values) for name, values in saved.state["normalizer"].items()})
        return cls(spec, training, seed, folder, mark, hardware, normalizer, history, saved)

    def run(self, data: TrainingData, observer: Observer) -> TrainedNetwork:
        trainer = self._trainer(data)
        facts = self._facts(data, trainer)
        observer.on_start({**facts, "history": list(self.history)})
        validation = data.validation
        loader = Loader(validation[0], self.normalizer, self.hardware.device) if validation else None
        stopping = Stopping(self.training.early_stopping, self._own_history())
        shadow = network_of(self.spec, data.shape_HWC, len(data.class_names)).to(self.hardware.device)
        while len(self.history) < self.training.epochs and not stopping.is_due:
            start = time.perf_counter()
            trained = trainer.run_epoch(len(self.history) + 1)
            trained_s = time.perf_counter() - start
            copy_weights(shadow.state_dict(), trainer.average.weights(trainer.network))
            validated = score(shadow, loader, validation[1], self.hardware) if loader and validation else None
            record = self._record(trainer, trained, validated, trained_s, time.perf_counter() - start)
            record["best"] = stopping.follow(record)
            self.history.append(record)
            self._save(trainer)
            prune(self.folder, self.training.keep_checkpoints, stopping.best_epoch)
            observer.on_epoch(record)
        return self._finish(data, shadow, facts, stopping)

    def _trainer(self, data: TrainingData) -> Trainer:
        device = self.hardware.device
        torch.manual_seed(derive(self.seed, "weights"))
        network = network_of(self.spec, data.shape_HWC, len(data.class_names)).to(device)
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

    def _restore(self, saved: Checkpoint, network: Network, average: Average, optimizer: torch.optim.Optimizer) -> None:
        groups = saved.groups
        _check_weights(network, groups.get("network", {}))
        copy_weights(network.state_dict(), groups["network"])
        # Another training's average or optimizer may be missing here, or of another kind: then it begins anew.
        average.restore(groups.get("average") or {name: network.state_dict()[name] for name in average.tensors})
        if saved.state["optimizer"] == self.training.optimizer.name:
            restore_state(optimizer, groups.get("optimizer", {}))

    def _save(self, trainer: Trainer) -> None:
        state = {
            "epoch": len(self.history),
            "fingerprint": self.mark,
            "spec": self.spec.to_dict(),
            "seed": self.seed,
            "optimizer": self.training.optimizer.name,
            "normalizer": {"mean_C": self.normalizer.mean_C, "sd_C": self.normalizer.sd_C},
            "hardware": vars(self.hardware),
            "history": self.history,
        }
        groups = {
            "network": trainer.network.state_dict(),
            "average": trainer.average.tensors,
            "optimizer": state_tensors(trainer.optimizer),
        }
        write_tensors(self.folder / CHECKPOINTS / checkpoint_name(len(self.history)), groups, state)

    def _own_history(self) -> list[dict[str, Any]]:
        """The epochs trained here; those before the checkpoint that this training started from lie elsewhere."""
        return [record for record in self.history if not record.get("inherited")]

    def _record(
        self, trainer: Trainer, trained: Score, validated: Score | None, trained_s: float, seconds: float
    ) -> dict[str, Any]:
        epoch = len(self.history) + 1
        spent_s = [record["seconds"] for record in self._own_history()] + [seconds]
        return {
            "epoch": epoch,
            "epochs": self.training.epochs,
            "train_loss": trained.loss,
            "train_accuracy": trained.accuracy,
            "validation_loss": validated.loss if validated else None,
            "validation_accuracy": validated.accuracy if validated else None,
            "learning_rate": trainer.learning_rate(epoch * trainer.plan.steps),
            "images_per_s": trainer.plan.n_images * trainer.plan.passes / trained_s,
            "seconds": seconds,
            "seconds_left": (self.training.epochs - epoch) * sum(spent_s) / len(spent_s),
        }

    def _facts(self, data: TrainingData, trainer: Trainer) -> dict[str, Any]:
        return {
            "device": self.hardware.device,
            "dtype": self.hardware.precision,
            "threads": self.hardware.threads,
            "n_parameters": trainer.network.n_parameters,
            "train_images": len(data.train_labels_N),
            "validation_images": len(data.validation[1]) if data.validation else 0,
            "epochs": self.training.epochs,
            "steps_per_epoch": trainer.plan.steps,
            "passes_per_epoch": trainer.plan.passes,
            "resumed_after_epoch": len(self.history) or None,
        }

    def _finish(
        self, data: TrainingData, network: Network, facts: Mapping[str, Any], stopping: Stopping
    ) -> TrainedNetwork:
        best = read_tensors(checkpoint_path(self.folder, stopping.best_epoch)).groups
        copy_weights(network.state_dict(), {**best["network"], **best.get("average", {})})
        own = self._own_history()
        end = {
            "epochs_run": len(own),
            "best_epoch": stopping.best_epoch,
            "stopped_early": len(self.history) < self.training.epochs,
            "seconds": sum(record["seconds"] for record in own),
            # Epochs have equally many images, so their common rate is the harmonic mean.
            "images_per_s": len(own) / sum(1 / record["images_per_s"] for record in own),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        }
        trained = TrainedNetwork(
            network.cpu().eval(),
            self.normalizer,
            self.spec,
            data.class_names,
            data.shape_HWC,
            {**facts, **end},
            self.history,
            self.seed,
            self.mark,
        )
        trained.save(self.folder)
        return trained


def _finished(folder: Path, mark: str) -> TrainedNetwork | None:
    if not (folder / MODEL_JSON).is_file():
        return None
    trained = load_network(folder)
    _refuse_another(folder, trained.fingerprint, mark)
    return trained


def _refuse_another(folder: Path, standing: str, mark: str) -> None:
    if standing != mark:
        raise ConflictError(
            f"{folder} holds a training with other settings, seed or images",
            "a new folder, or the very same training",
            "use another folder, or pass that training's checkpoint as the one to start from",
        )


def _check_start(start: Checkpoint, training: Training, path: Path) -> None:
    if start.epoch >= training.epochs:
        raise SpecError(
            f"{path.name} was saved after epoch {start.epoch}, and the training is to have {training.epochs} epochs",
            f"more than {start.epoch} epochs, since training goes on with epoch {start.epoch + 1}",
            f"--set epochs={start.epoch + training.epochs}, or start from an earlier epoch",
        )


def _check_weights(network: Network, weights: Mapping[str, torch.Tensor]) -> None:
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if own != theirs:
        name = next(name for name in {**own, **theirs} if own.get(name) != theirs.get(name))
        raise SpecError(
            f"the checkpoint's {name} has shape {theirs.get(name, 'none')}",
            f"{own.get(name, 'no such weights')}, as in the network of this spec",
            "start from a run with the same layers, image shape and number of classes",
        )
