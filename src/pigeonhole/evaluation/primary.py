"""The five figures that AutoML can choose by, under Azure ML's names and definitions. Chooses nothing.

Axes: N images, K classes, P the images of one class, by rising score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation import metrics
from pigeonhole.evaluation.checks import Labels, Probs, check
from pigeonhole.evaluation.interval import proportion

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PrimaryMetric:
    """One of the five; higher is better, and 1 is best.

    Attributes:
        name: Azure ML's.
        is_macro: whether each class counts the same, however many images it has.
        figure: the score, of labels and probabilities that are known to be sound.
        parts: an estimate in 0..1, and how much each image pulls it up or down (its influence function at the image,
            whose mean is 0): what an interval needs.
        scale: from that estimate to the score.
    """

    name: str
    is_macro: bool
    figure: Callable[[Labels, Probs], float]
    parts: Callable[[Labels, Probs], tuple[float, Floats]]
    scale: Callable[[float, int], float] = lambda value, _n_classes: value

    def score(self, labels_N: Labels, probs_NK: Probs) -> float:
        """The score of probabilities.

        Raises:
            DataError: labels or probabilities are wrong, or the score is not defined for them: all are of one class.
        """
        check(labels_N, probs_NK)
        return self.figure(labels_N, probs_NK)

    def interval(self, labels_N: Labels, probs_NK: Probs) -> tuple[float, float]:
        """The 95% interval of the score, for other images of the same kind: its low and high end.

        Wilson's interval, for as many images as would give a proportion of this size the score's own variance. The
        variance is that of the influences, which for AUC is DeLong's; for accuracy, Wilson's interval itself comes out.

        Sources: E. R. DeLong et al., Biometrics 44 (1988), 837; F. R. Hampel, JASA 69 (1974), 383.

        Raises:
            DataError: as `score`.
        """
        check(labels_N, probs_NK)
        value, pulls_N = self.parts(labels_N, probs_NK)
        n = len(labels_N)
        # A score of 0 or 1 has no spread in the images at hand; it is then known as well as a proportion of them.
        variance = float(np.square(pulls_N).mean()) / n
        images = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else n
        found = proportion(value, images)
        n_classes = probs_NK.shape[1]
        return self.scale(found.low, n_classes), self.scale(found.high, n_classes)


def _accuracy(labels_N: Labels, probs_NK: Probs) -> float:
    return float((probs_NK.argmax(axis=1) == labels_N).mean())


def _accuracy_parts(labels_N: Labels, probs_NK: Probs) -> tuple[float, Floats]:
    right_N = (probs_NK.argmax(axis=1) == labels_N).astype(np.float64)
    return float(right_N.mean()), right_N - right_N.mean()


def _confusion(labels_N: Labels, probs_NK: Probs) -> metrics.Counts:
    return metrics.confusion_matrix(labels_N, probs_NK.argmax(axis=1), probs_NK.shape[1])


def _precision(labels_N: Labels, probs_NK: Probs) -> float:
    """scikit-learn's `precision_score(…, average="weighted")`; a class that is never given has precision 0."""
    confusion_TP = _confusion(labels_N, probs_NK)
    return metrics.weighted(metrics.precision_by_class(confusion_TP), confusion_TP)


def _precision_parts(labels_N: Labels, probs_NK: Probs) -> tuple[float, Floats]:
    confusion_TP = _confusion(labels_N, probs_NK)
    precision_K = np.nan_to_num(metrics.precision_by_class(confusion_TP))
    value = metrics.weighted(precision_K, confusion_TP)
    given_N = probs_NK.argmax(axis=1)
    support_K, times_given_K = confusion_TP.sum(axis=1), np.maximum(confusion_TP.sum(axis=0), 1)
    pulls_N = ((given_N == labels_N) - precision_K[given_N]) * (support_K / times_given_K)[given_N]
    return value, pulls_N + precision_K[labels_N] - value


def _norm_macro_recall(labels_N: Labels, probs_NK: Probs) -> float:
    return metrics.norm_macro_recall(_confusion(labels_N, probs_NK))


def _recall_parts(labels_N: Labels, probs_NK: Probs) -> tuple[float, Floats]:
    """Of macro recall, before guessing is set to 0."""
    confusion_TP = _confusion(labels_N, probs_NK)
    recall_K = np.nan_to_num(metrics.recall_by_class(confusion_TP))
    counted = ((confusion_TP.sum(axis=0) + confusion_TP.sum(axis=1)) > 0).sum()
    share_K = confusion_TP.sum(axis=1) / len(labels_N)
    right_N = probs_NK.argmax(axis=1) == labels_N
    return metrics.macro(recall_K, confusion_TP), (right_N - recall_K[labels_N]) / (counted * share_K[labels_N])


def _less_guessing(recall: float, n_classes: int) -> float:
    return max(0.0, (recall - 1 / n_classes) / (1 - 1 / n_classes))


def _by_class(
    labels_N: Labels, probs_NK: Probs, one: Callable[[npt.NDArray[np.bool_], Probs], tuple[float, Floats | None]]
) -> tuple[float, Floats]:
    """The mean of a figure of each class against the rest, weighted by images, and each image's pull on it."""
    n = len(labels_N)
    pulls_N, value_K = np.zeros(n), np.zeros(probs_NK.shape[1])
    support_K = np.bincount(labels_N, minlength=probs_NK.shape[1])
    for k in np.flatnonzero(support_K):
        value_K[k], class_pulls_N = one(labels_N == k, probs_NK[:, k])
        if class_pulls_N is not None:
            pulls_N += class_pulls_N * (support_K[k] / n)
    value = float(np.average(value_K, weights=support_K))
    return value, pulls_N + value_K[labels_N] - value


def _several_classes(labels_N: Labels) -> None:
    if (labels_N == labels_N[0]).all():
        raise DataError(
            f"{len(labels_N):,} images, all of class {labels_N[0]}",
            "images of two classes or more: AUC_weighted is how well one is told from the rest",
            "use accuracy, or a validation split that is stratified by class",
        )


def _auc(labels_N: Labels, probs_NK: Probs) -> float:
    """scikit-learn's `roc_auc_score(one-hot labels, probs_NK, average="weighted")`; an absent class has no weight."""
    _several_classes(labels_N)
    return _by_class(labels_N, probs_NK, lambda is_k_N, scores_N: (_auc_of(is_k_N, scores_N), None))[0]


def _auc_parts(labels_N: Labels, probs_NK: Probs) -> tuple[float, Floats]:
    _several_classes(labels_N)
    return _by_class(labels_N, probs_NK, _auc_pulls)


def _auc_of(is_k_N: npt.NDArray[np.bool_], scores_N: Probs) -> float:
    """Mann and Whitney's form: the share of (own, other) pairs that the score puts in order, ties half."""
    return float(_share_below(np.sort(scores_N[~is_k_N]), scores_N[is_k_N]).mean())


def _auc_pulls(is_k_N: npt.NDArray[np.bool_], scores_N: Probs) -> tuple[float, Floats]:
    own, other = scores_N[is_k_N], scores_N[~is_k_N]
    below = _share_below(np.sort(other), own)
    area = float(below.mean())
    pulls_N = np.empty(len(scores_N))
    pulls_N[is_k_N] = (below - area) * (len(scores_N) / len(own))
    pulls_N[~is_k_N] = (1 - _share_below(np.sort(own), other) - area) * (len(scores_N) / len(other))
    return area, pulls_N


def _share_below(ascending: Probs, values: Probs) -> Floats:
    """Of `ascending`, the share below each value; equal ones count half."""
    twice = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    shares: Floats = twice / (2 * len(ascending))
    return shares


def _average_precision(labels_N: Labels, probs_NK: Probs) -> float:
    """scikit-learn's `average_precision_score(one-hot labels, probs_NK, average="weighted")`."""
    return _by_class(labels_N, probs_NK, lambda is_k_N, scores_N: (_precisions(is_k_N, scores_N)[0].mean(), None))[0]


def _average_precision_parts(labels_N: Labels, probs_NK: Probs) -> tuple[float, Floats]:
    return _by_class(labels_N, probs_NK, _average_precision_pulls)


def _precisions(is_k_N: npt.NDArray[np.bool_], scores_N: Probs) -> tuple[Floats, Floats, Probs]:
    """For each image of the class: the precision at its score, how many images reach that score, and the score."""
    own_P, all_N = np.sort(scores_N[is_k_N]), np.sort(scores_N)
    reached_P = len(all_N) - np.searchsorted(all_N, own_P, "left")
    return (len(own_P) - np.searchsorted(own_P, own_P, "left")) / reached_P, reached_P.astype(np.float64), own_P


def _average_precision_pulls(is_k_N: npt.NDArray[np.bool_], scores_N: Probs) -> tuple[float, Floats]:
    """An image moves the precision at every score that it reaches; one of the class brings one of its own besides."""
    precision_P, reached_P, own_P = _precisions(is_k_N, scores_N)
    n, value = len(scores_N), float(precision_P.mean())
    gain = np.concatenate([[0.0], np.cumsum(1 / reached_P)])
    loss = np.concatenate([[0.0], np.cumsum(precision_P / reached_P)])
    reaches_N = np.searchsorted(own_P, scores_N, "right")
    pulls_N = (is_k_N * gain[reaches_N] - loss[reaches_N]) * (n / len(own_P))
    pulls_N[is_k_N] += (precision_P[reaches_N[is_k_N] - 1] - value) * (n / len(own_P))
    return value, pulls_N


PRIMARY_METRICS: Mapping[str, PrimaryMetric] = {
    metric.name: metric
    for metric in (
        PrimaryMetric("accuracy", is_macro=False, figure=_accuracy, parts=_accuracy_parts),
        PrimaryMetric("AUC_weighted", is_macro=False, figure=_auc, parts=_auc_parts),
        PrimaryMetric(
            "average_precision_score_weighted",
            is_macro=False,
            figure=_average_precision,
            parts=_average_precision_parts,
        ),
        PrimaryMetric(
            "norm_macro_recall", is_macro=True, figure=_norm_macro_recall, parts=_recall_parts, scale=_less_guessing
        ),
        PrimaryMetric("precision_score_weighted", is_macro=False, figure=_precision, parts=_precision_parts),
    )
}
