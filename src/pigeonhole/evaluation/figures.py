"""All figures of one model on one set of labelled images, in one frozen value. Reads no files and no data splits.

Axes: N images, K classes; in the confusion matrix rows (T) are the true class, columns (P) the predicted one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError
from pigeonhole.evaluation import metrics
from pigeonhole.evaluation.checks import Labels, Probs, check
from pigeonhole.evaluation.confidence import Calibration, calibration
from pigeonhole.evaluation.interval import Interval, wilson

FORMAT_VERSION = 1
ONE_CLASS = "all images are of one class, and a ROC curve needs two"


@dataclass(frozen=True)
class ClassFigures:
    """One class. Precision is `None` if it was never predicted, recall if it has no images, F1 if both."""

    name: str
    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Average:
    """A figure averaged over classes: plainly, and weighted by their number of images."""

    macro: float
    weighted: float


@dataclass(frozen=True)
class GroupAccuracy:
    """The accuracy on one group's images."""

    group: str
    n: int
    accuracy: Interval


@dataclass(frozen=True)
class Evaluation:
    """Every figure; `to_dict` gives them as JSON, in which `accuracy` is `{value, low, high}`.

    Attributes:
        n: images.
        errors: images with a wrong label.
        accuracy: with Wilson's 95% interval.
        class_names: in the order of the confusion matrix.
        by_class: the figures of each class.
        precision: averaged over classes …
        recall: …
        f1: …
        norm_macro_recall: macro recall on a scale where guessing is 0.
        auc_weighted: Azure ML's AUC_weighted; `None` where it does not exist …
        auc_weighted_reason: … and why.
        log_loss: in nats.
        calibration: expected calibration error, with its bins.
        mean_confidence: the mean probability of the predicted class.
        confusion: counts [T, P]; rows are the true class, columns the predicted one.
        by_group: the accuracy of each group, the lowest first; `None` if there are no groups.
    """

    n: int
    errors: int
    accuracy: Interval
    class_names: tuple[str, ...]
    by_class: tuple[ClassFigures, ...]
    precision: Average
    recall: Average
    f1: Average
    norm_macro_recall: float
    auc_weighted: float | None
    auc_weighted_reason: str | None
    log_loss: float
    calibration: Calibration
    mean_confidence: float
    confusion: npt.NDArray[np.int64]
    by_group: tuple[GroupAccuracy, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "format": "pigeonhole-evaluation",
            "format_version": FORMAT_VERSION,
            "n": self.n,
            "errors": self.errors,
            "accuracy": self.accuracy.to_dict(),
            **{name: vars(getattr(self, name)) for name in ("precision", "recall", "f1")},
            "norm_macro_recall": self.norm_macro_recall,
            "auc_weighted": self.auc_weighted,
            "auc_weighted_reason": self.auc_weighted_reason,
            "log_loss": self.log_loss,
            "calibration_error": self.calibration.error,
            "calibration": self.calibration.to_dict(),
            "mean_confidence": self.mean_confidence,
            "by_class": [vars(figures) for figures in self.by_class],
            "confusion_matrix": {
                "schema_type": "confusion_matrix",
                "schema_version": "1.0.0",
                "data": {"class_labels": list(self.class_names), "matrix": self.confusion.tolist()},
            },
            "by_group": self._groups(),
        }

    def _groups(self) -> list[dict[str, Any]] | None:
        if self.by_group is None:
            return None
        return [{"group": each.group, "n": each.n, "accuracy": each.accuracy.to_dict()} for each in self.by_group]


def evaluate(
    labels_N: Labels,
    probs_NK: Probs,
    class_names: Sequence[str],
    groups_N: npt.NDArray[Any] | Sequence[Any] | None = None,
) -> Evaluation:
    """Every figure of these predictions; the predicted class is the argmax of the probabilities.

    Args:
        labels_N: the true classes, from 0.
        probs_NK: probabilities; each row sums to 1.
        class_names: class k's name.
        groups_N: whom or what each image belongs to (its writer); `None` if that is not known.

    Raises:
        DataError: labels, probabilities or groups are wrong.
    """
    check(labels_N, probs_NK, n_classes=len(class_names))
    predicted_N = probs_NK.argmax(axis=1)
    right_N = predicted_N == labels_N
    confusion_TP = metrics.confusion_matrix(labels_N, predicted_N, len(class_names))
    auc = metrics.auc_weighted(labels_N, probs_NK)
    return Evaluation(
        n=len(labels_N),
        errors=int((~right_N).sum()),
        accuracy=wilson(int(right_N.sum()), len(labels_N)),
        class_names=tuple(class_names),
        by_class=_by_class(confusion_TP, class_names),
        precision=_average(metrics.precision_by_class(confusion_TP), confusion_TP),
        recall=_average(metrics.recall_by_class(confusion_TP), confusion_TP),
        f1=_average(metrics.f1_by_class(confusion_TP), confusion_TP),
        norm_macro_recall=metrics.norm_macro_recall(confusion_TP),
        auc_weighted=auc,
        auc_weighted_reason=ONE_CLASS if auc is None else None,
        log_loss=metrics.log_loss(labels_N, probs_NK),
        calibration=calibration(labels_N, probs_NK),
        mean_confidence=float(probs_NK.max(axis=1).mean(dtype=np.float64)),
        confusion=confusion_TP,
        by_group=None if groups_N is None else _by_group(right_N, np.asarray(groups_N)),
    )


def _average(values_K: metrics.Floats, confusion_TP: metrics.Counts) -> Average:
    return Average(metrics.macro(values_K, confusion_TP), metrics.weighted(values_K, confusion_TP))


def _by_class(confusion_TP: metrics.Counts, class_names: Sequence[str]) -> tuple[ClassFigures, ...]:
    columns = zip(
        class_names,
        confusion_TP.sum(axis=1),
        confusion_TP.sum(axis=0),
        metrics.precision_by_class(confusion_TP),
        metrics.recall_by_class(confusion_TP),
        metrics.f1_by_class(confusion_TP),
        strict=True,
    )
    return tuple(
        ClassFigures(name, int(support), int(predicted), *map(_defined, figures))
        for name, support, predicted, *figures in columns
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _by_group(right_N: npt.NDArray[np.bool_], groups_N: npt.NDArray[Any]) -> tuple[GroupAccuracy, ...]:
    if groups_N.shape != right_N.shape:
        raise DataError(
            f"groups of shape {groups_N.shape} for {len(right_N)} images", "a group for each image", "pass them all"
        )
    names, where_N = np.unique(groups_N.astype(str), return_inverse=True)
    sizes, hits = np.bincount(where_N), np.bincount(where_N, weights=right_N)
    groups = [
        GroupAccuracy(str(name), int(n), wilson(int(hit), int(n)))
        for name, n, hit in zip(names, sizes, hits, strict=True)
    ]
    return tuple(sorted(groups, key=lambda each: (each.accuracy.value, -each.n, each.group)))
