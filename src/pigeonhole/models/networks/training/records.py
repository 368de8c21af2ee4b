"""What a training tells: the facts at its start and end, and a record an epoch. Decides nothing."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pigeonhole.models.networks.training.loop import Trainer
from pigeonhole.models.networks.training.scoring import Score
from pigeonhole.models.networks.training.stopping import Stopping
from pigeonhole.models.trained import Images, TrainingData

Records = Sequence[dict[str, Any]]
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def own_records(history: Records) -> list[dict[str, Any]]:
    """The epochs of this very training, without those before the checkpoint that it started from."""
    return [record for record in history if not record.get("inherited")]


def start_facts(data: TrainingData, trainer: Trainer) -> dict[str, Any]:
    """What is known before the first step."""
    state = trainer.state
    return {
        "device": trainer.hardware.device,
        "dtype": trainer.hardware.precision,
        "threads": trainer.hardware.threads,
        "memory_format": "channels-last",
        "images_in": _place(data, trainer),
        "n_parameters": trainer.network.n_parameters,
        "pixel_type": data.train_images_NHWC.dtype.name,
        "train_images": len(data.train_labels_N),
        "validation_images": len(data.validation[1]) if data.validation else 0,
        "epochs": trainer.training.epochs,
        "batch_size": trainer.training.batch_size,
        "accumulation": accumulation(trainer),
        "steps_per_epoch": trainer.plan.steps,
        "passes_per_epoch": trainer.plan.passes,
        "resumed_after_epoch": len(state.history) or None,
        "resumed_after_step": state.step or None,
    }


def accumulation(trainer: Trainer) -> int:
    """Parts that a batch is computed in, one after the other; more than 1 once memory ran out."""
    return -(-trainer.plan.largest_step // trainer.state.images_at_once)


def _place(data: TrainingData, trainer: Trainer) -> str:
    if trainer.loader.is_resident:
        return "device memory"
    return "memory map" if _is_mapped(data.train_images_NHWC) else "memory"


def _is_mapped(images_NHWC: Images) -> bool:
    """Whether an array, or what it is a view of, is a file."""
    array: Any = images_NHWC
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def epoch_record(
    trainer: Trainer, trained: Score, validated: Score | None, trained_s: float, seconds: float
) -> dict[str, Any]:
    """One epoch.

    Args:
        trainer: what trained it.
        trained: loss and accuracy on the training images, as they were while the weights moved.
        validated: on the validation images, or `None` where there are none.
        trained_s: seconds of its steps.
        seconds: seconds of steps and validation.
    """
    epoch, epochs = trainer.state.epoch, trainer.training.epochs
    spent_s = [record["seconds"] for record in own_records(trainer.state.history)] + [seconds]
    return {
        "epoch": epoch,
        "epochs": epochs,
        "train_loss": trained.loss,
        "train_accuracy": trained.accuracy,
        "validation_loss": validated.loss if validated else None,
        "validation_accuracy": validated.accuracy if validated else None,
        "learning_rate": trainer.learning_rate(epoch * trainer.plan.steps),
        "accumulation": accumulation(trainer),
        "images_per_s": trainer.plan.n_images * trainer.plan.passes / trained_s,
        "seconds": seconds,
        "seconds_left": (epochs - epoch) * sum(spent_s) / len(spent_s),
    }


def end_facts(history: Records, stopping: Stopping, epochs: int) -> dict[str, Any]:
    """What is known after the last step. Peak memory is the process's own, whatever else it did before."""
    own = own_records(history)
    return {
        "epochs_run": len(own),
        "best_epoch": stopping.best_epoch,
        "kept_epoch": stopping.kept_epoch,
        "stopped_early": len(history) < epochs,
        "accumulation": max(record.get("accumulation", 1) for record in own),
        "seconds": sum(record["seconds"] for record in own),
        # Epochs have equally many images, so their common rate is the harmonic mean.
        "images_per_s": len(own) / sum(1 / record["images_per_s"] for record in own),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
    }
