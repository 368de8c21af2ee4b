"""The sections of an AutoML spec, as Azure ML v2 spells them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, ValidationInfo, field_validator

from pigeonhole.automl.settings.algorithms import near, presets_of
from pigeonhole.automl.settings.durations import Duration
from pigeonhole.core.spec import Spec

MOST_TRIALS = 1000
META_LEARNERS = ("LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier")
_FOR_REGRESSION = ("ElasticNet", "ElasticNetCV", "LightGBMRegressor", "LinearRegression")


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _known(name: str) -> str:
    presets_of(name)
    return name


def _here(name: str) -> str:
    if not presets_of(name):
        raise ValueError(f"no algorithm here; {near(name) or 'take it out'}")
    return name


Allowed = Annotated[str, AfterValidator(_here)]
Blocked = Annotated[str, AfterValidator(_known)]
Minutes = Annotated[float, Field(gt=0, strict=True)]


class Limits(Spec):
    """When a search, and a fit in it, ends.

    Attributes:
        timeout_minutes: the budget, which covers everything.
        timeout: the same as a duration (ours).
        trial_timeout_minutes: for each fit.
        trial_timeout: the same as a duration (ours).
        max_trials: at most so many candidates, the ensembles included.
        max_concurrent_trials: at most so many fits at a time; `None` for one a core.
        enable_early_termination: ends the search where the best has not moved for long.
        exit_score: ends it where the primary metric on validation has come so far.
    """

    timeout_minutes: Minutes | None = None
    timeout: Duration | None = None
    trial_timeout_minutes: Minutes | None = None
    trial_timeout: Duration | None = None
    max_trials: int | None = Field(None, ge=1, le=MOST_TRIALS, strict=True)
    max_concurrent_trials: int | None = Field(None, ge=1, le=MOST_TRIALS, strict=True)
    enable_early_termination: StrictBool = True
    exit_score: float | None = Field(None, strict=True)

    @field_validator("exit_score")
    @classmethod
    def _share(cls, value: float | None) -> float | None:
        if value is not None and not 0 <= value <= 1:
            raise ValueError("a share from 0 to 1 is accepted, as all five metrics are (0.994 for 99.4%)")
        return value


class Featurization(Spec):
    """Whether candidates scale their pixels."""

    mode: Literal["auto", "off"] = "auto"

    @field_validator("mode", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        # YAML 1.1 takes a bare `off` for false.
        if isinstance(value, bool):
            return "auto" if value else "off"
        if value == "custom":
            raise ValueError("auto and off are accepted; custom featurizers are for tables, and images are only scaled")
        return value.lower() if isinstance(value, str) else value


def _meta_learner(value: Any) -> Any:
    if value is None or (isinstance(value, str) and _flat(value) == "none"):
        return None
    accepted = f"{', '.join(META_LEARNERS)} are accepted"
    for known in META_LEARNERS:
        if isinstance(value, str) and _flat(known) == _flat(value):
            return known
    if isinstance(value, str) and _flat(value) in {_flat(known) for known in _FOR_REGRESSION}:
        raise ValueError(f"{accepted}; this one is for regression")
    raise ValueError(accepted)


class StackSettings(Spec):
    """How the members of a stack are weighed.

    Attributes:
        stack_meta_learner_type: what learns from their probabilities; `None` lets the number of images decide.
        stack_meta_learner_train_percentage: the share of the training images held out for its score.
        stack_meta_learner_kwargs: its constructor's arguments.
    """

    stack_meta_learner_type: Annotated[
        Literal["LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier"] | None,
        BeforeValidator(_meta_learner, json_schema_input_type=str | None),
    ] = None
    stack_meta_learner_train_percentage: float = Field(0.2, gt=0, lt=1, strict=True)
    stack_meta_learner_kwargs: dict[str, Any] = Field(default_factory=dict)


class Training(Spec):
    """What is trained.

    Attributes:
        allowed_training_algorithms: only these; `None` for all.
        blocked_training_algorithms: these not.
        enable_vote_ensemble: whether the best are let vote.
        enable_stack_ensemble: whether a model is trained on the best ones' probabilities.
        stack_ensemble_settings: how that model is made.
    """

    allowed_training_algorithms: tuple[Allowed, ...] | None = None
    blocked_training_algorithms: tuple[Blocked, ...] | None = None
    enable_vote_ensemble: StrictBool = True
    enable_stack_ensemble: StrictBool = True
    stack_ensemble_settings: StackSettings = Field(default_factory=StackSettings)

    @field_validator("allowed_training_algorithms", "blocked_training_algorithms", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any, info: ValidationInfo) -> Any:
        if value in ([], (), "") and info.field_name == "allowed_training_algorithms":
            raise ValueError("at least one name is accepted; leave the key out for all algorithms")
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class Choose(Spec):
    """Which of what was found is the best (ours): the most accurate of those within these limits.

    Attributes:
        max_latency_ms: for one image, on this machine.
        max_size_mb: of the bundle, in millions of bytes.
    """

    max_latency_ms: float | None = Field(None, gt=0)
    max_size_mb: float | None = Field(None, gt=0)
