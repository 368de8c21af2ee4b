"""Which images to show to a person. Draws nothing.

Axes: N images, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole.evaluation.checks import Labels, Probs, check


def rows_to_show(labels_N: Labels, probs_NK: Probs, limit: int = 48) -> npt.NDArray[np.int64]:
    """Row numbers: mistakes first, the surest ones leading, then right answers spread evenly over the rows.

    At least a quarter of the picture is kept for right answers, so that a weak model's picture shows both.

    Args:
        labels_N: the true classes.
        probs_NK: probabilities.
        limit: rows in all; fewer come back where there are fewer.

    Raises:
        DataError: labels or probabilities are wrong.
    """
    check(labels_N, probs_NK)
    wrong_N = probs_NK.argmax(axis=1) != labels_N
    wrong, right = np.flatnonzero(wrong_N), np.flatnonzero(~wrong_N)
    surest_first = wrong[np.argsort(-probs_NK[wrong].max(axis=1), kind="stable")]
    n_right = min(len(right), max(limit - len(wrong), limit // 4))
    evenly = right[np.linspace(0, len(right) - 1, n_right).astype(np.int64)] if n_right else right[:0]
    return np.concatenate([surest_first[: limit - n_right], evenly])
