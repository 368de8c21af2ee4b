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
from pigeonhole.core.errors import SpecError

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
        """The training images that a stack's second meta learner is fitted on."""
        rows, groups = self.rows, self.source.groups_N
        held = twenty_percent(
            self.source.labels_N[rows],
            share=self.stack_share,
            seed=self.seed,
            groups_N=None if groups is None else groups[rows],
        )
        return rows[held]

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


def _number(part: str) -> int:
    """3 of `fold 3/5`."""
    return int(part.removeprefix("fold ").partition("/")[0])
