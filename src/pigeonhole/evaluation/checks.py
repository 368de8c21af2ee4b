"""Refuses labels and probabilities that no figure can be made of, naming every problem. Changes nothing.

Axes: N images, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError, listing

Labels = npt.NDArray[np.integer[Any]]
Probs = npt.NDArray[np.floating[Any]]
_SUM_TOLERANCE = 1e-3


def check(labels_N: Labels, *all_probs_NK: Probs, n_classes: int | None = None) -> None:
    """Nothing, if every figure can be computed.

    Args:
        labels_N: class numbers from 0.
        all_probs_NK: one or more sets of probabilities for these labels; each row sums to 1.
        n_classes: K; `None` takes the first set's.

    Raises:
        DataError: shapes, types or values are wrong.
    """
    problems = _label_problems(labels_N)
    if not problems:
        for probs_NK in all_probs_NK:
            problems += _probs_problems(labels_N, probs_NK, n_classes or probs_NK.shape[-1])
    if problems:
        raise DataError(
            f"labels and probabilities that cannot be evaluated:\n{listing(problems)}",
            "N > 0 class numbers from 0, and an (N, K) array of finite probabilities whose rows sum to 1",
            "pass labels and probabilities of the same images, in the same order",
        )


def _label_problems(labels_N: Labels) -> list[str]:
    if labels_N.ndim != 1 or not np.issubdtype(labels_N.dtype, np.integer):
        return [f"labels of type {labels_N.dtype} and shape {labels_N.shape}"]
    return [] if len(labels_N) else ["no images at all"]


def _probs_problems(labels_N: Labels, probs_NK: Probs, n_classes: int) -> list[str]:
    if probs_NK.shape != (len(labels_N), n_classes) or not np.issubdtype(probs_NK.dtype, np.floating):
        wanted = f"{len(labels_N)} labels and {n_classes} classes"
        return [f"probabilities of type {probs_NK.dtype} and shape {probs_NK.shape} for {wanted}"]
    strange_N = (labels_N < 0) | (labels_N >= n_classes)
    sums_N = probs_NK.sum(axis=1, dtype=np.float64)
    bad_N = ~np.isfinite(probs_NK).all(axis=1) | (probs_NK < 0).any(axis=1) | ~(abs(sums_N - 1) <= _SUM_TOLERANCE)
    problems = [
        f"row {row}: the label {labels_N[row]} is not between 0 and {n_classes - 1}"
        for row in np.flatnonzero(strange_N)
    ]
    problems += [
        f"row {row}: probabilities from {probs_NK[row].min():g} to {probs_NK[row].max():g} that sum to {sums_N[row]:g}"
        for row in np.flatnonzero(bad_N)
    ]
    return problems
