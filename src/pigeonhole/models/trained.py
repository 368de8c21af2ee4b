"""What goes into a training and what comes out of it, for every kind of model. Trains nothing itself.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError, listing
from pigeonhole.models.spec import ModelSpec

# uint8 wherever images come from a dataset. What scikit-learn's users bring may be float32: on the same scale, around
# 128, but neither whole numbers nor within 0 to 255.
Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
PREDICTION_BATCH = 500
PIXEL_TYPES = ("uint8", "float32")


@dataclass(frozen=True)
class TrainingData:
    """The images a model may see: the training split, and the validation split that chooses the best epoch.

    Attributes:
        train_images_NHWC: uint8, or float32 on that scale, in memory or memory-mapped; N of 1 or more, C of 1 or 3.
        train_labels_N: class numbers from 0.
        validation_images_NHWC: `None` where no validation split was made; then the last epoch counts as the best.
        validation_labels_N: their classes, or `None`.
        class_names: class k's name; K of them.
    """

    train_images_NHWC: Images
    train_labels_N: Labels
    validation_images_NHWC: Images | None
    validation_labels_N: Labels | None
    class_names: tuple[str, ...]

    @property
    def shape_HWC(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.train_images_NHWC.shape[1:]
        return height, width, channels

    @property
    def validation(self) -> tuple[Images, Labels] | None:
        """Validation images and labels, or `None` where there are none."""
        if self.validation_images_NHWC is None or self.validation_labels_N is None or not len(self.validation_labels_N):
            return None
        return self.validation_images_NHWC, self.validation_labels_N

    def check(self) -> None:
        """Refuses data that no model can be trained on.

        Raises:
            DataError: every problem at once.
        """
        problems = _part_problems("training", self.train_images_NHWC, self.train_labels_N, len(self.class_names))
        if not len(self.train_labels_N):
            problems.append("no training images")
        if self.validation_images_NHWC is not None and self.validation_labels_N is not None:
            images_NHWC, labels_N = self.validation_images_NHWC, self.validation_labels_N
            problems += _part_problems("validation", images_NHWC, labels_N, len(self.class_names))
            if images_NHWC.shape[1:] != self.train_images_NHWC.shape[1:]:
                problems.append(f"validation images of shape {images_NHWC.shape[1:]}, training images of another")
        if len(self.class_names) < 2:
            problems.append(f"{len(self.class_names)} class")
        if problems:
            raise DataError(
                f"the training data cannot be used:\n{listing(problems)}",
                "uint8 images (N, H, W, C) with C 1 or 3, a label from 0 to K-1 for each, and two or more classes",
                "ingest the images again",
            )


def _part_problems(part: str, images_NHWC: Images, labels_N: Labels, classes: int) -> list[str]:
    problems = []
    if images_NHWC.ndim != 4 or images_NHWC.dtype.name not in PIXEL_TYPES or images_NHWC.shape[-1] not in {1, 3}:
        problems.append(f"{part} images of type {images_NHWC.dtype} and shape {images_NHWC.shape}")
    if labels_N.shape != images_NHWC.shape[:1]:
        problems.append(f"{len(images_NHWC)} {part} images and {labels_N.shape} labels")
    if len(labels_N) and (labels_N.min() < 0 or labels_N.max() >= classes):
        problems.append(f"{part} labels from {labels_N.min()} to {labels_N.max()} for {classes} classes")
    return problems


class Observer(Protocol):
    """Whoever watches a training: a terminal, a run folder, nobody."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Device, number type, threads and sizes are known.

        `facts["history"]` holds the records of epochs done before a kill.
        """

    def on_epoch(self, record: dict[str, Any]) -> None:
        """An epoch ended and its checkpoint is on disk."""


class Unwatched:
    """An observer that does nothing."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Nothing is shown."""

    def on_epoch(self, record: dict[str, Any]) -> None:
        """Nothing is shown."""


class Trained(Protocol):
    """A trained model in memory, whatever its kind.

    Attributes:
        spec: what it was made from.
        class_names: class k's name.
        shape_HWC: the images it takes.
        facts: device, dtype, threads, epochs run, best epoch, seconds, images/s, peak memory in bytes, …
        history: the record of each epoch, from the first.
    """

    spec: ModelSpec
    class_names: tuple[str, ...]
    shape_HWC: tuple[int, int, int]
    facts: dict[str, Any]
    history: list[dict[str, Any]]

    @property
    def kind(self) -> str:
        """`network` or `estimator`."""

    @property
    def n_parameters(self) -> int:
        """Trained numbers in it."""

    def probabilities(self, images_NHWC: Images, batch_size: int = PREDICTION_BATCH) -> Floats:
        """Probabilities (N, K) in fp32, each row summing to 1.

        Args:
            images_NHWC: uint8 of the training shape; N may be 0.
            batch_size: images at once; bounds memory.
        """


def check_images(images_NHWC: Images, shape_HWC: tuple[int, int, int], pixel_type: str = "uint8") -> None:
    """Refuses images that a model of `shape_HWC`, trained on `pixel_type`, cannot take.

    Raises:
        DataError: another type or shape.
    """
    if images_NHWC.dtype != pixel_type or images_NHWC.shape[1:] != shape_HWC:
        raise DataError(
            f"images of type {images_NHWC.dtype} and shape {images_NHWC.shape}",
            f"{pixel_type} of shape (N, {', '.join(map(str, shape_HWC))})",
            "pass raw pixel values 0 to 255, images first, channels last",
        )
