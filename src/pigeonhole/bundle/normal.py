"""What normal looks like: image statistics, classes and confidences of a reference set, kept for drift and warnings.

Axes: N images, H height, W width, C channels, K classes, Q quantiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.images import statistics

PERCENTILES_Q = np.linspace(0.0, 100.0, 101)


def describe_normal(
    images_NHWC: npt.NDArray[np.uint8], labels_N: npt.NDArray[np.int64], probs_NK: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[Any]]:
    """The content of reference.npz.

    Percentiles 0, 1, … 100 of a statistic are enough for every drift measure on it (bins of any size, distances
    between distributions), cost a few kilobytes, and reveal no image.

    Args:
        images_NHWC: uint8 images that the model was trained on or chosen with, never test images.
        labels_N: their classes.
        probs_NK: the model's probabilities for them.

    Returns:
        `n` (), `class_counts_K` and `predicted_counts_K` (K), `confidence_Q` (101) the percentiles of the largest
        probability, and for each statistic of `images.statistics` `percentiles_NAME` (101, …) and `mean_NAME`.
    """
    n_classes = probs_NK.shape[1]
    reference: dict[str, npt.NDArray[Any]] = {
        "n": np.array(len(images_NHWC), np.int64),
        "class_counts_K": np.bincount(labels_N, minlength=n_classes).astype(np.int64),
        "predicted_counts_K": np.bincount(probs_NK.argmax(axis=1), minlength=n_classes).astype(np.int64),
        "confidence_Q": _percentiles(probs_NK.max(axis=1)),
    }
    for name, values in statistics(images_NHWC).items():
        reference[f"percentiles_{name}"] = _percentiles(values)
        reference[f"mean_{name}"] = np.asarray(values, np.float64).mean(axis=0).astype(np.float32)
    return reference


def _percentiles(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.asarray(np.percentile(values, PERCENTILES_Q, axis=0), np.float32)
