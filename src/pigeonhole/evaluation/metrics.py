"""Each figure as a pure function. Definitions are scikit-learn's, which Azure ML's AutoML uses too, in plain numpy.

Importing scikit-learn would cost a second of every `evaluate`; the tests hold these to its values instead.
Axes: N images, K classes; in a confusion matrix rows (T) are the true class and columns (P) the predicted one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole.evaluation.checks import Labels, Probs

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def confusion_matrix(labels_N: Labels, predicted_N: Labels, n_classes: int) -> Counts:
    """How often each true class (rows) was given each class (columns)."""
    cells_N = labels_N.astype(np.int64) * n_classes + predicted_N
    return np.bincount(cells_N, minlength=n_classes**2).reshape(n_classes, n_classes)


def precision_by_class(confusion_TP: Counts) -> Floats:
    """Of the images given class k, the share that is k; NaN for a class that was never given."""
    return _ratio(np.diag(confusion_TP), confusion_TP.sum(axis=0))


def recall_by_class(confusion_TP: Counts) -> Floats:
    """Of the images of class k, the share that was given k; NaN for a class without images."""
    return _ratio(np.diag(confusion_TP), confusion_TP.sum(axis=1))


def f1_by_class(confusion_TP: Counts) -> Floats:
    """The harmonic mean of precision and recall; NaN for a class without images that was never given either."""
    return _ratio(2 * np.diag(confusion_TP), confusion_TP.sum(axis=0) + confusion_TP.sum(axis=1))


def macro(values_K: Floats, confusion_TP: Counts) -> float:
    """The plain mean over the classes that have images or were given; an undefined value counts as 0."""
    seen_K = (confusion_TP.sum(axis=0) + confusion_TP.sum(axis=1)) > 0
    return float(np.nan_to_num(values_K[seen_K]).mean())


def weighted(values_K: Floats, confusion_TP: Counts) -> float:
    """The mean weighted by each class's number of images; an undefined value counts as 0."""
    support_K = confusion_TP.sum(axis=1)
    return float(np.average(np.nan_to_num(values_K), weights=support_K))


def norm_macro_recall(confusion_TP: Counts) -> float:
    """Macro recall with guessing at 0 and perfection at 1, not below 0. Defined in Azure ML's AutoML."""
    guessing = 1 / len(confusion_TP)
    return max(0.0, (macro(recall_by_class(confusion_TP), confusion_TP) - guessing) / (1 - guessing))


def auc_weighted(labels_N: Labels, probs_NK: Probs) -> float | None:
    """The area under the one-against-the-rest ROC curve of each class, weighted by its number of images.

    Azure ML's `AUC_weighted`: scikit-learn's `roc_auc_score(one-hot labels, probs_NK, average="weighted")`.

    Returns:
        `None` if all images are of one class, for which no such curve exists.
    """
    support_K = np.bincount(labels_N, minlength=probs_NK.shape[1])
    present = np.flatnonzero(support_K)
    if len(present) < 2:
        return None
    areas = [_auc(labels_N == k, probs_NK[:, k]) for k in present]
    return float(np.average(areas, weights=support_K[present]))


def log_loss(labels_N: Labels, probs_NK: Probs) -> float:
    """Mean negative logarithm of the true class's probability, in nats.

    A probability of 0 counts as the smallest step of its number type, so that one sure mistake is not infinite.
    """
    smallest = np.finfo(probs_NK.dtype).eps
    true_N = probs_NK[np.arange(len(labels_N)), labels_N].astype(np.float64)
    return float(-np.log(np.clip(true_N, smallest, 1 - smallest)).mean())


def _auc(positive_N: npt.NDArray[np.bool_], scores_N: Probs) -> float:
    """Mann and Whitney's form: the share of (positive, other) pairs that the score puts in order, ties half."""
    _, where_N, counts = np.unique(scores_N, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    n_positive = int(positive_N.sum())
    n_other = len(positive_N) - n_positive
    rank_sum = float(mean_rank[where_N[positive_N]].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_other)


def _ratio(numerator: npt.NDArray[np.int64], denominator: npt.NDArray[np.int64]) -> Floats:
    result: Floats = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
