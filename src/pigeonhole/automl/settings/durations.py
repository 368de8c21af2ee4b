"""Durations as people write them: seconds, `90s`, `20m`, `2h`, and ISO 8601's `PT20M` as Azure ML stores them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

ACCEPTED = "seconds, or a duration such as 90s, 20m or 2h"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_ISO = re.compile(r"PT(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


def seconds_of(value: Any) -> float:
    """The seconds of a duration.

    Raises:
        ValueError: it is none, or is not more than 0.
    """
    seconds = _read(value)
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(f"{ACCEPTED}, is accepted, and more than 0")
    return seconds


def _read(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    if short := _SHORT.fullmatch(text):
        return float(short[1]) * _SECONDS[short[2] or "s"]
    if iso := _ISO.fullmatch(text):
        return sum(float(part or 0) * scale for part, scale in zip(iso.groups(), (3600, 60, 1), strict=True))
    return None


def shown(seconds: float) -> str:
    """1200 → `20m`; as `seconds_of` reads it."""
    for unit in ("h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


Duration = Annotated[
    float, BeforeValidator(seconds_of, json_schema_input_type=int | float | str), Field(gt=0, description=ACCEPTED)
]
