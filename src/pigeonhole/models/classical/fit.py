"""Fits a classical estimator on flat pixels and answers with its probabilities.

Axes: N images, H height, W width, C channels, P = H·W·C pixels, K classes, A classes that have a training image.
"""

from __future__ import annotations

import math
import resource
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError
from pigeonhole.core.seeds import derive
from pigeonhole.models.classical.catalogue import COMPONENTS, ESTIMATORS
from pigeonhole.models.classical.recipe import Recipe
from pigeonhole.models.classical.scaling import Scaler, fit_scaler
from pigeonhole.models.classical.threads import threads
from pigeonhole.models.classical.virtual import refit_shifted
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import PREDICTION_BATCH, Floats, Images, Labels, Observer, TrainingData, check_images

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_SMALLEST = 1e-15


@dataclass
class TrainedEstimator:
    """A fitted estimator; see `models.Trained`.

    Attributes:
        estimator: it takes pixels as float32 (N, P), divided by its recipe's divisor, or what its scaler makes of them.
        classes_present: the class number of each of its columns; classes without a training image have none.
        spec: what it was made from.
        class_names: class k's name.
        shape_HWC: the images it takes.
        facts: how it was fitted.
        history: its one record.
        scaler: takes pixels 0–255 as float32 (N, P); `None` where there is none.
    """

    estimator: Any
    classes_present: tuple[int, ...]
    spec: ModelSpec
    class_names: tuple[str, ...]
    shape_HWC: tuple[int, int, int]
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    scaler: Scaler | None = None

    @property
    def kind(self) -> str:
        """`estimator`."""
        return "estimator"

    @property
    def n_parameters(self) -> int:
        """Fitted numbers in it."""
        return self.recipe.n_parameters(self.estimator) + (self.scaler.n_parameters if self.scaler else 0)

    @property
    def recipe(self) -> Recipe:
        """What the catalogue knows of its estimator."""
        return ESTIMATORS[(self.spec.estimator or {})["name"]]

    def probabilities(self, images_NHWC: Images, batch_size: int = PREDICTION_BATCH) -> Floats:
        """Probabilities (N, K).

        Raises:
            DataError: images of another type or shape.
        """
        check_images(images_NHWC, self.shape_HWC, self.facts["pixel_type"])
        probs_NK = np.zeros((len(images_NHWC), len(self.class_names)), np.float32)
        for start in range(0, len(images_NHWC), batch_size):
            rows = slice(start, start + batch_size)
            features_ND = _features(images_NHWC[rows], self.recipe, self.scaler)
            probs_NK[rows, list(self.classes_present)] = self.estimator.predict_proba(features_ND)
        return probs_NK


def flat_pixels(images_NHWC: Images, divisor: int) -> Floats:
    """Pixel values divided by `divisor`, float32 (N, P)."""
    pixels_NP = images_NHWC.reshape(len(images_NHWC), math.prod(images_NHWC.shape[1:])).astype(np.float32)
    pixels_NP /= np.float32(divisor)
    return pixels_NP


def _features(images_NHWC: Images, recipe: Recipe, scaler: Scaler | None) -> Floats:
    """What the estimator takes of images (N, D)."""
    return flat_pixels(images_NHWC, recipe.divisor) if scaler is None else scaler(flat_pixels(images_NHWC, 1))


def _scaler(kind: str, components: int, recipe: Recipe, images_NHWC: Images, seed: int) -> Scaler | None:
    if kind == "none":
        return None
    levels = recipe.levels if recipe.divisor == 1 else None
    return fit_scaler(kind, flat_pixels(images_NHWC, 1), components=components, levels=levels, seed=seed)


def balanced_weights(labels_N: Labels) -> Floats:
    """A weight for each image, by which every class that is present weighs the same; their mean is 1."""
    counts_K = np.bincount(labels_N)
    return (len(labels_N) / (np.count_nonzero(counts_K) * counts_K[labels_N])).astype(np.float32)


def fit_estimator(
    spec: ModelSpec, data: TrainingData, *, seed: int, observer: Observer, scores_training: bool = True
) -> TrainedEstimator:
    """A fitted estimator; see `models.fit`. One record is reported, since it has no epochs.

    Raises:
        DataError: fewer than two classes have a training image.
    """
    settings = dict(spec.estimator or {})
    recipe = ESTIMATORS[settings.pop("name")]
    balanced = settings.pop("class_weight", "none") == "balanced"
    kind = settings.pop("scaler", "none")
    components = COMPONENTS if recipe.own_components else settings.pop("pca_components", COMPONENTS)
    shifts = settings.pop("virtual_shifts", 0)
    present, columns_N = np.unique(data.train_labels_N, return_inverse=True)
    if len(present) < 2:
        raise DataError(
            "training images of one class only", "training images of two or more classes", "add images of others"
        )
    estimator = recipe.making(kind)(settings, derive(seed, "estimator"))
    facts = _facts(data)
    observer.on_start({**facts, "history": []})
    start = time.perf_counter()
    scaler = _scaler(kind, components, recipe, data.train_images_NHWC, derive(seed, "scaler"))
    weights_N = balanced_weights(columns_N) if balanced else None
    features = partial(_features, recipe=recipe, scaler=scaler)
    converged = _fit(estimator, features(data.train_images_NHWC), columns_N, weights_N)
    refit_shifted(estimator, data.train_images_NHWC, columns_N, weights_N, shifts=shifts, features=features)
    trained_s = time.perf_counter() - start
    classes = tuple(map(int, present))
    trained = TrainedEstimator(estimator, classes, spec, data.class_names, data.shape_HWC, facts, [], scaler)
    record = _record(trained, data, trained_s, scores_training)
    trained.history.append(record)
    facts |= {
        "n_parameters": trained.n_parameters,
        "epochs_run": 1,
        "best_epoch": 1,
        "kept_epoch": 1,
        "stopped_early": False,
        "converged": converged,
        "seconds": record["seconds"],
        "images_per_s": record["images_per_s"],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
    }
    observer.on_epoch(record)
    return trained


def _fit(estimator: Any, pixels_NP: Floats, columns_N: Labels, weights_N: Floats | None) -> bool:
    """Fits, and says whether the solver converged; a warning on the terminal would say it to nobody."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(pixels_NP, columns_N, sample_weight=weights_N)
    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)


def _facts(data: TrainingData) -> dict[str, Any]:
    return {
        "device": "cpu",
        "dtype": "fp32",
        "threads": threads(),
        "pixel_type": data.train_images_NHWC.dtype.name,
        "train_images": len(data.train_labels_N),
        "validation_images": len(data.validation[1]) if data.validation else 0,
        "epochs": 1,
    }


def _record(trained: TrainedEstimator, data: TrainingData, trained_s: float, scores_training: bool) -> dict[str, Any]:
    start = time.perf_counter()
    of_training = (data.train_images_NHWC, data.train_labels_N) if scores_training else None
    train_loss, train_accuracy = _score(trained, *of_training) if of_training else (None, None)
    validation = _score(trained, *data.validation) if data.validation else (None, None)
    return {
        "epoch": 1,
        "epochs": 1,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "validation_loss": validation[0],
        "validation_accuracy": validation[1],
        "learning_rate": None,
        "images_per_s": len(data.train_labels_N) / trained_s,
        "seconds": trained_s + time.perf_counter() - start,
        "seconds_left": 0.0,
        "best": True,
    }


def _score(trained: TrainedEstimator, images_NHWC: Images, labels_N: Labels) -> tuple[float, float]:
    probs_NK = trained.probabilities(images_NHWC)
    right_N = probs_NK[np.arange(len(labels_N)), labels_N]
    loss = float(-np.log(np.maximum(right_N, _SMALLEST)).mean())
    return loss, float((probs_NK.argmax(axis=1) == labels_N).mean())
