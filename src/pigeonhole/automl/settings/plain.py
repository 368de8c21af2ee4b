"""What a search is to do, in plain values: what the loop reads, whoever's words were used to say it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field

from pigeonhole.core.errors import SpecError
from pigeonhole.core.spec import Spec
from pigeonhole.evaluation.primary import PRIMARY_METRICS

DEFAULT_BUDGET_S = 1200.0
METRICS = tuple(PRIMARY_METRICS)
_VERSION = 2
# Azure ML's rule where nobody says how to validate: below so many images, so many folds.
_AUTO_FOLDS = ((1_000, 10), (20_000, 3))
_ENDS = ("trial_timeout_s", "max_trials", "early_termination", "exit_score")
# How much is spent, when it ends and what is chosen of what was found: with more of it the same search goes on.
_NO_PART_OF_IT = (*_ENDS, "name", "dataset", "notes", "budget_s", "concurrent", "max_latency_ms", "max_size_bytes")


class AutomlSettings(Spec):
    """Settings of a search; `read_automl` and `from_command` make them.

    Attributes:
        dataset: as `NAME` or `NAME:VERSION`; `None` where whoever calls names it.
        name: of the search, where the spec gives one.
        primary_metric: in Azure ML's spelling, one of `METRICS`.
        folds: of cross-validation over training and validation images together; `None` for the validation split.
        auto_folds: whether the number of images decides on `folds`; `for_images` does.
        budget_s: seconds for everything.
        trial_timeout_s: seconds for each fit; `None` for no limit but the budget.
        max_trials: at most so many candidates; `None` for no limit.
        concurrent: at most so many fits at a time; `None` for one a core.
        early_termination: whether the search ends where the best has not moved for long.
        exit_score: ends it where the primary metric has come so far.
        featurization: whether candidates scale their pixels.
        allowed: the presets that may be tried; `None` for all.
        blocked: the presets that may not.
        vote: whether the best are let vote.
        stack: whether a meta learner is trained on the best ones' probabilities.
        meta_learner: `None` for Azure ML's rule.
        meta_learner_share: of the training images, held out for a stack's score.
        meta_learner_arguments: its constructor's arguments.
        seed: from which all randomness follows.
        max_latency_ms: the best model may take no longer for an image.
        max_size_bytes: nor be larger.
        notes: what the user should know, a sentence each.
    """

    dataset: str | None = None
    name: str | None = None
    primary_metric: str = "accuracy"
    folds: int | None = Field(None, ge=2)
    auto_folds: bool = False
    budget_s: float = Field(DEFAULT_BUDGET_S, gt=0)
    trial_timeout_s: float | None = Field(None, gt=0)
    max_trials: int | None = Field(None, ge=1)
    concurrent: int | None = Field(None, ge=1)
    early_termination: bool = True
    exit_score: float | None = None
    featurization: bool = True
    allowed: frozenset[str] | None = None
    blocked: frozenset[str] = frozenset()
    vote: bool = True
    stack: bool = True
    meta_learner: str | None = None
    meta_learner_share: float = 0.2
    meta_learner_arguments: dict[str, Any] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)
    max_latency_ms: float | None = None
    max_size_bytes: int | None = None
    notes: list[str] = Field(default_factory=list)

    def allows(self, preset: str) -> bool:
        """Whether a preset may be tried."""
        return preset not in self.blocked and (self.allowed is None or preset in self.allowed)

    def for_images(self, images: int, rarest: int, validation: int) -> AutomlSettings:
        """The settings with `n_cross_validations: auto` decided, by Azure ML's rule with our hold-out.

        Args:
            images: training and validation images together.
            rarest: how many of them the rarest class has.
            validation: how many are in the validation split.

        Raises:
            SpecError: what is wanted cannot be done with these images.
        """
        folds = _folds(images, rarest) if self.auto_folds else self.folds
        if folds is None and not validation:
            raise SpecError(
                "a search on a dataset without a validation split",
                "a dataset with one, or n_cross_validations of 2 and more",
                "ingest it again with --validation 0.1, or add --folds 5",
            )
        if folds is not None and folds > rarest:
            raise SpecError(
                f"n_cross_validations {folds}, and the rarest class has {rarest} training and validation images",
                "no more folds than that, so that each fold has every class",
                "take fewer folds, or ingest more images of that class",
            )
        if not self.auto_folds:
            return self
        how = f"{folds} folds" if folds else "the dataset's validation split"
        note = f"n_cross_validations: auto means {how} for {images:,} images"
        return self.model_copy(update={"folds": folds, "auto_folds": False, "notes": [*self.notes, note]})

    def for_cores(self, cores: int) -> AutomlSettings:
        """The settings, which say so where more fits at a time are wanted than there are cores."""
        if self.concurrent is None or self.concurrent <= cores:
            return self
        note = (
            f"max_concurrent_trials {self.concurrent}: {cores} fit{'' if cores == 1 else 's'} at a time,"
            " one for each core of this machine"
        )
        return self.model_copy(update={"notes": [*self.notes, note]})

    @property
    def ends(self) -> dict[str, Any]:
        """What besides the budget ends a search or a fit of it."""
        return {name: getattr(self, name) for name in _ENDS}

    def identity(self, dataset_sha256: str) -> str:
        """What makes two searches the same: the images and all that changes a fit; 64 hexadecimal digits.

        Limits and the choice among what was found are no part of it: with a larger budget the same search goes on.
        """
        kept = self.model_dump(mode="python", exclude=set(_NO_PART_OF_IT))
        sorted_ = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in kept.items()}
        parts = {**sorted_, "version": _VERSION, "contents": dataset_sha256}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values, from which `AutomlSettings` is made again."""
        values = self.model_dump(mode="json")
        for name in ("allowed", "blocked"):
            values[name] = None if values[name] is None else sorted(values[name])
        return values


def _folds(images: int, rarest: int) -> int | None:
    folds = next((folds for below, folds in _AUTO_FOLDS if images < below), None)
    return None if folds is None or rarest < folds else folds
