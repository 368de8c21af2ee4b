"""Arrays and a plan → a trained model. Chooses no argument's value; keeps nothing on disk.

Axes: N images, K classes.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import models
from pigeonhole.core.errors import ArrayError, ParameterError, SpecError
from pigeonhole.core.progress import Progress, Silent, bar
from pigeonhole.core.seeds import derive
from pigeonhole.estimator.arguments import Plan
from pigeonhole.models.trained import Images, Labels

# Networks draw from torch's global random state. Threads that fit at the same time (joblib's `threading`) would draw
# from each other's.
ONE_AT_A_TIME = threading.Lock()


def train(
    plan: Plan, images_NHWC: Images, labels_N: Labels, class_names: tuple[str, ...], *, verbose: bool
) -> models.Trained:
    """The model, trained in a folder that is gone afterwards.

    Raises:
        ArrayError: too few images for a validation part.
        ParameterError: the layers do not fit the images.
        TrainingError: the loss is not finite.
    """
    data = _split(plan, images_NHWC, labels_N, class_names)
    with tempfile.TemporaryDirectory(prefix="pigeonhole-") as folder, ONE_AT_A_TIME, _shown(plan, verbose) as observer:
        try:
            return models.fit(plan.spec, data, seed=plan.seed, folder=Path(folder), observer=observer)
        except SpecError as error:
            raise ParameterError(
                f"{error.received} (X with n_features = {images_NHWC[0].size})",
                error.accepted,
                "use larger images or a model that takes smaller ones; image_shape says how rows are read",
            ) from error


def _split(plan: Plan, images_NHWC: Images, labels_N: Labels, class_names: tuple[str, ...]) -> models.TrainingData:
    """All images for training, or a share of each class held out."""
    if not plan.validation_fraction:
        return models.TrainingData(images_NHWC, labels_N, None, None, class_names)
    from sklearn.model_selection import train_test_split

    try:
        train_rows, held_out = train_test_split(
            np.arange(len(labels_N)),
            test_size=plan.validation_fraction,
            stratify=labels_N,
            random_state=derive(plan.seed, "validation") % 2**32,
        )
    except ValueError as error:
        raise ArrayError(
            f"{len(labels_N)} images of {len(class_names)} classes with validation_fraction={plan.validation_fraction}:"
            f" {error}",
            "enough images of every class for both parts",
            "set early_stopping=False or another validation_fraction",
        ) from error
    return models.TrainingData(
        images_NHWC[train_rows], labels_N[train_rows], images_NHWC[held_out], labels_N[held_out], class_names
    )


class _Shown(models.Unwatched):
    """Passes epochs on to a progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_epoch(self, record: dict[str, Any]) -> None:  # noqa: ARG002 - a bar only counts
        self._progress.advance()


@contextlib.contextmanager
def _shown(plan: Plan, verbose: bool) -> Iterator[models.Observer]:
    if not verbose:
        yield _Shown(Silent())
        return
    with bar(f"fit {plan.spec.model}", plan.spec.training.epochs if plan.spec.training else 1) as progress:
        yield _Shown(progress)
