"""The spec of a search, in Azure ML v2's words and some of ours; what other words mean is in `translating`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from pigeonhole.automl.settings.parts import Choose, Featurization, Limits, Training
from pigeonhole.automl.settings.plain import METRICS
from pigeonhole.core.spec import Spec

_BY_LOWER = {name.lower(): name for name in METRICS}


def _metric(value: Any) -> Any:
    return _BY_LOWER.get(value.lower(), value) if isinstance(value, str) else value


Metric = Annotated[
    Literal[
        "accuracy",
        "AUC_weighted",
        "average_precision_score_weighted",
        "norm_macro_recall",
        "precision_score_weighted",
    ],
    BeforeValidator(_metric, json_schema_input_type=str),
]


class AutomlSpec(Spec):
    """A search as it is written.

    Attributes:
        dataset: of the workspace, as `NAME` or `NAME:VERSION` (ours).
        primary_metric: what is best; in Azure ML's YAML spelling or its own.
        n_cross_validations: folds, or `auto`; `None` for the dataset's validation split.
        limits: how much may be spent.
        featurization: whether candidates scale their pixels.
        training: what is trained.
        choose: the best of what was found, under limits (ours).
        seed: from which all randomness follows (ours).
    """

    schema_: str | None = Field(None, alias="$schema")
    type: Literal["automl"]
    task: Literal["classification", "image_classification"] = "classification"
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, str] = Field(default_factory=dict)
    dataset: str | None = Field(None, min_length=1)
    primary_metric: Metric = "accuracy"
    n_cross_validations: Literal["auto"] | Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    limits: Limits = Field(default_factory=Limits)
    featurization: Featurization = Field(default_factory=Featurization)
    training: Training = Field(default_factory=Training)
    choose: Choose = Field(default_factory=Choose)
    seed: int = Field(0, ge=0, strict=True)

    @field_validator("dataset", mode="before")
    @classmethod
    def _asset(cls, value: Any) -> Any:
        return value.removeprefix("azureml:") if isinstance(value, str) else value

    @field_validator("n_cross_validations", mode="before")
    @classmethod
    def _folds(cls, value: Any) -> Any:
        if value is None or value == "auto" or (type(value) is int and 2 <= value <= 1000):
            return value
        raise ValueError("a whole number from 2 to 1000, or auto, is accepted")

    @field_validator("featurization", mode="before")
    @classmethod
    def _mode(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, (str, bool)) else value
