"""`fit` and `load` for every kind of model. Only chooses the room that does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pigeonhole.core.errors import UsageError
from pigeonhole.core.optional import require
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import Observer, Trained, TrainingData, Unwatched
from pigeonhole.models.waiting import require_torch

if TYPE_CHECKING:
    from pigeonhole.models.callbacks import Callback


def fit(
    spec: ModelSpec,
    data: TrainingData,
    *,
    seed: int,
    folder: Path,
    observer: Observer | None = None,
    start_from: Path | None = None,
    callbacks: Sequence[Callback] = (),
    scores_training: bool = True,
) -> Trained:
    """A trained model. The same call on the same folder goes on where a killed one stopped, exact to the bit.

    Args:
        spec: from `resolve`.
        data: training and validation split.
        seed: decides the first weights, the order of the images and every random change of them.
        folder: where checkpoints and the model go; made if absent. Estimators write nothing there.
        observer: told of the start and of every epoch.
        start_from: a checkpoint of another training (`checkpoint_path`) to go on from; networks only.
        callbacks: called at the start, before and after each epoch, after each step and at the end; networks only.
        scores_training: whether an estimator, once fitted, is also scored on what it learned from, which can take
            longer than the fit; a network's figures for that come with its training.

    Raises:
        SpecError: the layers do not fit the images, or `start_from` does not fit the spec.
        DataError: the data cannot be used, or the disk is full.
        ConflictError: the folder holds another training.
        TrainingError: the loss is not finite, or a checkpoint cannot be written.
        MissingDependencyError: torch or scikit-learn is not installed.
    """
    data.check()
    observer = observer or Unwatched()
    if spec.kind == "estimator":
        if start_from is not None:
            raise UsageError(
                f"a checkpoint to start {spec.model} from",
                "a network; an estimator is fitted in one go",
                "leave out the checkpoint",
            )
        if callbacks:
            raise UsageError(
                f"callbacks for {spec.model}", "a network; an estimator has no epochs", "leave out the callbacks"
            )
        require("sklearn", extra="train")
        from pigeonhole.models.classical import fit_estimator

        return fit_estimator(spec, data, seed=seed, observer=observer, scores_training=scores_training)
    require_torch()
    require("safetensors", extra="train")
    from pigeonhole.models.networks import fit_network

    return fit_network(
        spec, data, seed=seed, folder=folder, observer=observer, start_from=start_from, callbacks=callbacks
    )


def load(folder: Path) -> Trained:
    """The finished network in a model folder, with the weights of the epoch it kept.

    Raises:
        NotFoundError: no finished network is there (an estimator lives on as its bundle only).
        DataError: the files are damaged, or a later release's.
    """
    require_torch()
    require("safetensors", extra="train")
    from pigeonhole.models.networks import load_network

    return load_network(folder)
