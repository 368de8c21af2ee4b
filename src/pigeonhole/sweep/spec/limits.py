"""How many trials, how many at a time, and for how long; durations are whole seconds, as on Azure ML."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from pigeonhole.core.spec import Spec

MOST_TRIALS = 1000


class Limits(Spec):
    """A sweep's limits.

    Attributes:
        max_total_trials: at most so many trials, those that fail included.
        max_concurrent_trials: at most so many at a time; `None` for as many as the machine has room for.
        timeout: seconds for the whole sweep; `None` for no limit.
        trial_timeout: seconds for each trial; `None` for no limit.
    """

    max_total_trials: int = Field(ge=1, le=MOST_TRIALS, strict=True)
    max_concurrent_trials: int | None = Field(None, ge=1, le=MOST_TRIALS, strict=True)
    timeout: int | None = Field(None, ge=1, strict=True)
    trial_timeout: int | None = Field(None, ge=1, strict=True)

    @field_validator("timeout", "trial_timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            raise ValueError(
                f"{info.field_name} is in seconds, a whole number (3600 for an hour); Azure ML drops a text like"
                f" {value!r} without a word, and then there is no limit"
            )
        return value
