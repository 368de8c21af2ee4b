"""What one deployment limits: Azure's `request_settings`, and how much of its images the prediction log keeps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import UsageError, listing

REQUEST_SETTINGS, IMAGE_LOG = "request_settings", "image_log"
# Azure refuses more too.
_LONGEST_MS = 180_000


@dataclass(frozen=True)
class Limits:
    """Limits of a deployment; `None` leaves those of the server.

    Attributes:
        request_timeout_ms: a request that is not answered by then gets 408; looked at five times a second.
        max_concurrent_requests_per_instance: twice as many may wait or be in the model, in each server process;
            further ones get 429, as Azure's gateway says. Without it a thousand may.
        max_queue_wait_ms: a request that has waited this long before its model takes it gets 429.
        max_mib: of images in the endpoint's prediction log; the oldest go.
        days: images that are older go.
    """

    request_timeout_ms: int | None = None
    max_concurrent_requests_per_instance: int | None = None
    max_queue_wait_ms: int | None = None
    max_mib: float | None = None
    days: float | None = None

    @property
    def max_waiting_requests(self) -> int | None:
        """How many requests may wait or be in the model, in each server process."""
        most = self.max_concurrent_requests_per_instance
        return None if most is None else 2 * most

    def to_dict(self) -> dict[str, Any]:
        """What is set."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def of(
        cls, request_settings: Mapping[str, Any] | None = None, image_log: Mapping[str, Any] | None = None
    ) -> Limits:
        """Checked limits, by the names under which users give them.

        Args:
            request_settings: any of `request_timeout_ms`, `max_concurrent_requests_per_instance`, `max_queue_wait_ms`.
            image_log: any of `max_mib` and `days`.

        Raises:
            UsageError: an unknown key or an unfit value; all of them are named.
        """
        told = {REQUEST_SETTINGS: dict(request_settings or {}), IMAGE_LOG: dict(image_log or {})}
        problems = [
            problem
            for section, values in told.items()
            for key, value in values.items()
            if (problem := _problem(section, key, value))
        ]
        if problems:
            accepted = "; ".join(f"{section}: {', '.join(_FITS[section])}" for section in told)
            raise UsageError(f"the limits:\n{listing(problems)}", accepted, "correct the keys named above")
        return cls(**told[REQUEST_SETTINGS], **told[IMAGE_LOG])


NO_LIMITS = Limits()


def _whole(least: int, most: int) -> tuple[str, Any]:
    def fits(value: Any) -> bool:
        return type(value) is int and least <= value <= most

    return f"a whole number from {least:,} to {most:,}", fits


def _above_zero(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0


_FITS = {
    REQUEST_SETTINGS: {
        "request_timeout_ms": _whole(1, _LONGEST_MS),
        "max_concurrent_requests_per_instance": _whole(1, 100_000),
        "max_queue_wait_ms": _whole(1, _LONGEST_MS),
    },
    IMAGE_LOG: {"max_mib": ("a number above 0", _above_zero), "days": ("a number above 0", _above_zero)},
}


def _problem(section: str, key: str, value: Any) -> str | None:
    known = _FITS[section]
    if key not in known:
        return f"{section}.{key}: unknown key{suggestion(str(key), list(known))}"
    text, fits = known[key]
    return None if fits(value) else f"{section}.{key}: {str(value)[:40]!r}, not {text}"
