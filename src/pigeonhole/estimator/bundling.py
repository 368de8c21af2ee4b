"""A classifier of pixels → a verified bundle, for `pigeonhole serve`. Refuses what a bundle cannot take.

Axes: N images, D = H·W·C features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pigeonhole import export, models
from pigeonhole.bundle import Bundle
from pigeonhole.core.errors import ArrayError, UsageError
from pigeonhole.core.seeds import derive
from pigeonhole.estimator.inputs import Array, Inputs
from pigeonhole.models.trained import Labels

VERIFICATION_IMAGES = 1000


def class_numbers(classes_K: Array, y_N: Array) -> Labels:
    """The number of each label among the sorted classes.

    Raises:
        ArrayError: a label is none of them.
    """
    labels_N = np.searchsorted(classes_K, y_N).clip(max=len(classes_K) - 1)
    unknown = y_N[classes_K[labels_N] != y_N]
    if unknown.size:
        raise ArrayError(f"y with the label {unknown[0]!r}", f"the labels of fit: {classes_K}", "pass the y of fit")
    return labels_N.astype(np.int64, copy=False)


def to_bundle(trained: models.Trained, inputs: Inputs, X_ND: Array, labels_N: Labels, folder: Path) -> Bundle:
    """The bundle; see `ImageClassifier.to_bundle`."""
    if inputs.mean_G is not None:
        raise UsageError(
            "a classifier that was fitted on numbers of its own scale, to make a bundle of",
            "one fitted on uint8 pixels, which is what a bundle is asked with",
            "fit on the images as uint8",
        )
    drawn = np.random.default_rng(derive(0, "verification")).permutation(len(labels_N))[:VERIFICATION_IMAGES]
    rows = np.sort(drawn)
    images_NHWC = inputs.pixels(X_ND[rows])
    return export.to_bundle(
        trained,
        folder=folder,
        images_NHWC=images_NHWC,
        labels_N=labels_N[rows],
        expected_probs_NK=trained.probabilities(images_NHWC),
        training_images_NHWC=images_NHWC,
        calibration={},
        lineage={"model": trained.spec.model, "made_by": "ImageClassifier"},
    )
