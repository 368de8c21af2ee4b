"""A meta learner on the members' probabilities, with Azure ML's rules (StackEnsemble). Fits no member.

What is needed of the members, and what each number comes from:

* Hold-out. The final meta learner is fitted on the validation predictions of members fitted on all training images.
  Its score cannot come from those. So the members are fitted again on 80% of the training images (stratified); a
  second meta learner is fitted on their predictions for the other 20%; and that second ensemble is scored on the
  validation images, by the predictions which the members of 80% give for them. Needed, of each member: validation
  probabilities of the full fit; probabilities of the fit on 80%, for the 20% and for validation.
* Folds. The final meta learner is fitted on all out-of-fold predictions. The score is the mean over the folds of that
  of a meta learner fitted without the fold. Needed: each member's out-of-fold probabilities, and the fold of each row.

Axes: N images, M members, K classes, F = M·(K-1) features.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.core.optional import require
from pigeonhole.core.seeds import derive
from pigeonhole.evaluation.checks import Labels, Probs, check
from pigeonhole.evaluation.primary import PrimaryMetric

META_LEARNERS = ("LogisticRegressionCV", "LogisticRegression", "LightGBMClassifier")
TRAIN_PERCENTAGE = 0.2
_FEWEST_FOR_CV = 5
_FEWEST_IN_LEAF = 10
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MetaLearner:
    """A fitted one.

    Attributes:
        name: Azure ML's.
        estimator: scikit-learn's or LightGBM's; takes `features`.
        classes_present: the class of each of its columns.
        n_classes: K.
    """

    name: str
    estimator: Any
    classes_present: tuple[int, ...]
    n_classes: int

    def probabilities(self, members: Sequence[Probs]) -> Floats:
        """Probabilities (N, K) of the ensemble, of its members' (N, K) each; a class it never saw gets 0."""
        probs_NK = np.zeros((len(members[0]), self.n_classes), np.float32)
        probs_NK[:, list(self.classes_present)] = self.estimator.predict_proba(features(members))
        return probs_NK


@dataclass(frozen=True)
class Stack:
    """A stack and what it is worth.

    Attributes:
        meta: the final meta learner.
        score: its honest score, from meta learners that did not see the images that they are scored on.
        honest_labels_N: the classes of those images, …
        honest_probs_NK: … and what was said of them: for figures and calibration.
    """

    meta: MetaLearner
    score: float
    honest_labels_N: Labels
    honest_probs_NK: Floats


@dataclass(frozen=True)
class MetaOptions:
    """How meta learners are fitted.

    Attributes:
        metric: the primary one; a macro metric has classes weighted alike.
        learner: one of `META_LEARNERS`; `None` takes the first, or the second where a class has
            fewer than 5 rows in a meta set.
        settings: more of its own arguments.
        seed: the one number from which all randomness follows.
    """

    metric: PrimaryMetric
    learner: str | None = None
    settings: Mapping[str, Any] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.learner is not None and self.learner not in META_LEARNERS:
            raise SpecError(
                f"the meta learner {self.learner!r}{suggestion(self.learner, META_LEARNERS)}",
                f"for classes: {', '.join(META_LEARNERS)}",
                "choose one of them, or leave stack_meta_learner_type out",
            )


def features(members: Sequence[Probs]) -> Floats:
    """The members' probabilities side by side (N, F), without each one's first class, which follows from the others."""
    return np.concatenate([probs_NK[:, 1:] for probs_NK in members], axis=1, dtype=np.float32)


def twenty_percent(labels_N: Labels, *, share: float = TRAIN_PERCENTAGE, seed: int = 0) -> npt.NDArray[np.int64]:
    """The rows of the training images that a second meta learner is fitted on, ascending, in proportion to the classes.

    Members are fitted again on all others.

    Raises:
        DataError: a class has so few images that one part would have none of it.
    """
    selection = require("sklearn.model_selection", extra="train")
    try:
        _, held = selection.train_test_split(
            np.arange(len(labels_N)), test_size=share, stratify=labels_N, random_state=derive(seed, "stack") % 2**32
        )
    except ValueError as error:
        raise DataError(
            f"{len(labels_N):,} training images that cannot be split {1 - share:.0%} to {share:.0%}: {error}",
            "two images of each class or more",
            "turn the stack ensemble off, or add images",
        ) from error
    rows: npt.NDArray[np.int64] = np.sort(held)
    return rows


def stack_with_hold_out(
    validation_labels_N: Labels,
    validation: Sequence[Probs],
    held_labels_N: Labels,
    held: Sequence[Probs],
    validation_of_refitted: Sequence[Probs],
    options: MetaOptions,
) -> Stack:
    """The stack of members that were scored on a validation split.

    Args:
        validation_labels_N: the classes of the validation images.
        validation: each member's probabilities for them, fitted on all training images.
        held_labels_N: the classes of the training images of `twenty_percent`.
        held: each member's probabilities for them, fitted on the other 80%.
        validation_of_refitted: each member's probabilities for the validation images, fitted on the 80%.
        options: how meta learners are fitted.

    Raises:
        DataError: labels or probabilities are wrong, or a meta set has images of one class only.
    """
    check(validation_labels_N, *validation, *validation_of_refitted, n_classes=validation[0].shape[-1])
    check(held_labels_N, *held, n_classes=validation[0].shape[-1])
    learner = options.learner or default_learner([validation_labels_N, held_labels_N], validation[0].shape[1])
    final = fit_meta(validation_labels_N, validation, learner, options)
    second = fit_meta(held_labels_N, held, learner, options)
    honest_NK = second.probabilities(validation_of_refitted)
    return Stack(final, options.metric.score(validation_labels_N, honest_NK), validation_labels_N, honest_NK)


def stack_with_folds(
    labels_N: Labels, out_of_fold: Sequence[Probs], fold_N: npt.NDArray[np.integer[Any]], options: MetaOptions
) -> Stack:
    """The stack of members that were scored by cross-validation.

    Args:
        labels_N: the classes of all images.
        out_of_fold: each member's probabilities for them, each row by a fit that did not see it.
        fold_N: the fold of each row.
        options: how meta learners are fitted.

    Raises:
        DataError: labels or probabilities are wrong, there is one fold, or a meta set has images of one class only.
    """
    check(labels_N, *out_of_fold, n_classes=out_of_fold[0].shape[-1])
    folds = np.unique(fold_N)
    if len(folds) < 2:
        raise DataError("predictions of one fold", "two folds or more", "set n_cross_validations to 2 or more")
    without = [labels_N[fold_N != fold] for fold in folds]
    learner = options.learner or default_learner(without, out_of_fold[0].shape[1])
    honest_NK = np.empty(out_of_fold[0].shape, np.float32)
    scores = []
    for fold, seen_labels in zip(folds, without, strict=True):
        own_N = fold_N == fold
        meta = fit_meta(seen_labels, [probs_NK[~own_N] for probs_NK in out_of_fold], learner, options)
        honest_NK[own_N] = meta.probabilities([probs_NK[own_N] for probs_NK in out_of_fold])
        scores.append(options.metric.score(labels_N[own_N], honest_NK[own_N]))
    return Stack(fit_meta(labels_N, out_of_fold, learner, options), float(np.mean(scores)), labels_N, honest_NK)


def default_learner(meta_sets: Sequence[Labels], n_classes: int) -> str:
    """The meta learner where none is asked for: which one, the classes of the meta sets decide."""
    fewest = min(int(np.bincount(labels_N, minlength=n_classes).min()) for labels_N in meta_sets)
    return META_LEARNERS[0] if fewest >= _FEWEST_FOR_CV else META_LEARNERS[1]


def fit_meta(labels_N: Labels, members: Sequence[Probs], learner: str, options: MetaOptions) -> MetaLearner:
    """A meta learner fitted on the members' probabilities for these images.

    Raises:
        DataError: all images are of one class.
    """
    present, columns_N = np.unique(labels_N, return_inverse=True)
    if len(present) < 2:
        raise DataError(
            f"{len(labels_N):,} images of one class to fit a meta learner on",
            "images of two classes or more",
            "add some",
        )
    estimator = _make(learner, options)
    exceptions = require("sklearn.exceptions", extra="train")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        # scikit-learn announces defaults of later releases, which nobody who stacks has set.
        warnings.simplefilter("ignore", FutureWarning)
        estimator.fit(features(members), columns_N)
    return MetaLearner(learner, estimator, tuple(map(int, present)), members[0].shape[1])


def _make(learner: str, options: MetaOptions) -> Any:
    arguments: dict[str, Any] = {
        "class_weight": "balanced" if options.metric.is_macro else None,
        "random_state": derive(options.seed, "meta-learner") % 2**32,
    }
    more = dict(options.settings or {})
    if learner == "LightGBMClassifier":
        lightgbm = require("lightgbm", extra="train")
        defaults = {"min_child_samples": _FEWEST_IN_LEAF, "n_jobs": 1, "verbosity": -1, "deterministic": True}
        return lightgbm.LGBMClassifier(**{**arguments, **defaults, "force_row_wise": True, **more})
    linear = require("sklearn.linear_model", extra="train")
    if learner == "LogisticRegressionCV":
        return linear.LogisticRegressionCV(**{**arguments, "scoring": _Scorer(options.metric), "refit": True, **more})
    return linear.LogisticRegression(**{**arguments, **more})


class _Scorer:
    """The primary metric as scikit-learn calls it."""

    def __init__(self, metric: PrimaryMetric) -> None:
        self._metric = metric

    def __call__(self, estimator: Any, features_NF: Floats, labels_N: Labels) -> float:
        # Of two classes, scikit-learn calls them -1 and 1 in here.
        return self._metric.figure(np.searchsorted(estimator.classes_, labels_N), estimator.predict_proba(features_NF))
