"""The images of a search's fits: which rows of the dataset each learns from, and which it is scored on.

Axes: N images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole import data
from pigeonhole.automl import dealing
from pigeonhole.automl.facts import Facts
from pigeonhole.automl.fits import ALL, HOLD_OUT, REFIT
from pigeonhole.automl.stacking import TRAIN_PERCENTAGE, twenty_percent
from pigeonhole.core.errors import DataError, SpecError
from pigeonhole.core.seeds import derive
from pigeonhole.data import splitting

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SearchData:
    """The dataset as a search sees it; the test split is never opened.

    Attributes:
        source: the dataset.
        folds: how many; `None` where the validation split is the hold-out.
        seed: of the search.
        stack_share: of the training images, held out by the second fits of a stack's members.
    """

    source: data.Dataset
    folds: int | None
    seed: int
    stack_share: float = TRAIN_PERCENTAGE

    @property
    def rows(self) -> Rows:
        """All rows that a candidate may learn from: with folds, training and validation pooled; ascending."""
        train = self.source.rows("train")
        return train if self.folds is None else np.sort(np.concatenate([train, self.source.rows("validation")]))

    def learned_rows(self, images: int, part: str) -> Rows:
        """What a fit learns from.

        Args:
            images: how many.
            part: what is held out.

        Raises:
            DataError: the second fit of a stack's member is wanted, and the images cannot be split for that.
        """
        rows = self.rows
        if part == REFIT:
            return np.setdiff1d(rows, self.stack_rows())
        kept = rows if part in {HOLD_OUT, ALL} else rows[self.fold_N != _number(part)]
        return kept[dealing.sample(self.source.labels_N[kept], self._count(images, part, len(kept)), self.seed)]

    def held_rows(self, part: str) -> Rows:
        """What a fit is scored on; none where nothing is held out."""
        if part in {HOLD_OUT, REFIT}:
            return self.source.rows("validation")
        rows = self.rows
        return rows[:0] if part == ALL else rows[self.fold_N == _number(part)]

    def stack_rows(self) -> Rows:
        """The training images that a stack's second meta learner is fitted on.

        Raises:
            DataError: a class has so few images, or groups, that one part would have none of it.
        """
        rows, groups = self.rows, self.source.groups_N
        labels_N = self.source.labels_N[rows]
        if groups is not None and (groups[rows] != "").any():
            return rows[whole_groups(labels_N, groups[rows], self.stack_share, self.seed)]
        return rows[twenty_percent(labels_N, share=self.stack_share, seed=self.seed)]

    def facts(self, slots: int) -> Facts:
        """What decisions may know of it."""
        images = len(self.rows)
        held = len(self.source.rows("validation")) if self.folds is None else images // self.folds
        return Facts(images, held, self.source.shape_HWC, len(self.source.class_names), self.folds, slots)

    def _count(self, images: int, part: str, there: int) -> int:
        """With all images and a fold held out, all that are left."""
        return there if images >= len(self.rows) and part != HOLD_OUT else images

    @property
    def fold_N(self) -> Rows:
        """The fold of each of `rows`, from 1."""
        rows, groups = self.rows, self.source.groups_N
        return dealing.folds(
            self.source.labels_N[rows], self.folds or 1, self.seed, None if groups is None else groups[rows]
        )

    def check_metric(self, metric: str) -> None:
        """That what candidates are scored on has a score.

        Raises:
            SpecError: areas under curves are wanted of images of one class.
        """
        if metric != "AUC_weighted" or self.folds is not None:
            return
        classes = len(np.unique(self.source.labels_N[self.source.rows("validation")]))
        if classes == 1:
            raise SpecError(
                "AUC_weighted, which tells a class from the others, and validation images that are all of one class",
                "images of two classes or more to score candidates on",
                "add --folds 3, take --metric accuracy, or ingest it again with a larger --validation",
            )


def whole_groups(labels_N: Rows, groups_N: npt.NDArray[np.str_], share: float, seed: int) -> Rows:
    """The places of the images of whole groups, such as writers, that come near to a share of every class.

    Raises:
        DataError: a class has so few groups that one part would have none of it.
    """
    _, numbers_N = np.unique(groups_N, return_inverse=True)
    numbers_N = np.where(groups_N == "", -1, numbers_N).astype(np.int64)
    held_N = splitting.grouped(labels_N, numbers_N, share, derive(seed, "stack"))
    others_N = np.setdiff1d(np.arange(len(labels_N)), held_N)
    classes = len(np.unique(labels_N))
    if missing := classes - min(len(np.unique(labels_N[part_N])) for part_N in (held_N, others_N)):
        raise DataError(
            f"{len(labels_N):,} training images, split by whole groups {1 - share:.0%} to {share:.0%}: one part lacks"
            f" {missing} class{'' if missing == 1 else 'es'}",
            "several groups of each class, none of them nearly all of it",
            "turn the stack ensemble off, or ingest the images without groups",
        )
    return held_N


def _number(part: str) -> int:
    """3 of `fold 3/5`."""
    return int(part.removeprefix("fold ").partition("/")[0])
