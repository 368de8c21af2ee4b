"""Signals: the figures of one window of the prediction log. Pure; reads and writes nothing.

Axes: R requests, N images, K classes, Q percentiles.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.evaluation import wilson
from pigeonhole.predictions import NO_LABEL, Window

_PERCENTILES = (50, 95, 99)
# A handful of requests within a moment is no rate of thousands a second.
_SHORTEST_S = 1.0


@dataclass(frozen=True)
class LiveAccuracy:
    """How often the model was right, as far as people said what was right.

    Attributes:
        value: right answers among the `n` images with feedback.
        low: where the 95% interval (Wilson) begins.
        high: where it ends.
        n: images with feedback.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Signals:
    """How an endpoint did in a span of time.

    Attributes:
        endpoint: its name.
        since_s: the first moment that counts, seconds since 1970; `None` where nothing was asked.
        until_s: the last one.
        models: the model versions that answered.
        requests: scoring requests, refused and failed ones too.
        images: images classified.
        requests_per_s: over the whole span, which is taken as at least a second.
        p50_ms: half the answered requests took no longer, milliseconds; `None` where none was answered.
        p95_ms: likewise 95 of 100.
        p99_ms: likewise 99 of 100.
        errors: requests that were refused (4xx) or failed (5xx).
        error_rate: their share of the requests.
        server_errors: those that failed (5xx).
        error_codes: how many of each kind.
        class_mix: class name → share of the images that got this label; every class of the model is there.
        reference_class_mix: the same among the reference images' true classes; `None` where the bundle does not say.
        mean_confidence: mean probability of the label given.
        reference_confidence: the same on the reference images.
        live_accuracy: from feedback; `None` where there is none.
    """

    endpoint: str
    since_s: float | None
    until_s: float | None
    models: tuple[str, ...]
    requests: int
    images: int
    requests_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    errors: int
    error_rate: float
    server_errors: int
    error_codes: dict[str, int]
    class_mix: dict[str, float]
    reference_class_mix: dict[str, float] | None
    mean_confidence: float | None
    reference_confidence: float | None
    live_accuracy: LiveAccuracy | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**dataclasses.asdict(self), "models": list(self.models)}


def signals(
    window: Window, class_names: Sequence[str], reference: Mapping[str, npt.NDArray[Any]] | None = None
) -> Signals:
    """The figures of a window.

    Args:
        window: what `predictions.read_window` gave.
        class_names: the model's classes, so that one that never came up is shown with 0.
        reference: the bundle's reference.npz, to set beside it; `None` leaves that out.
    """
    requests = len(window.status_R)
    since_s, until_s = _span(window)
    errors = int((window.status_R >= 400).sum())
    p50_ms, p95_ms, p99_ms = _latency(window)
    return Signals(
        endpoint=window.endpoint,
        since_s=since_s,
        until_s=until_s,
        models=window.models,
        requests=requests,
        images=len(window.label_N),
        requests_per_s=requests / max(_SHORTEST_S, (until_s or 0.0) - (since_s or 0.0)),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        errors=errors,
        error_rate=errors / requests if requests else 0.0,
        server_errors=int((window.status_R >= 500).sum()),
        error_codes=dict(Counter(code for code in window.error_code_R if code).most_common()),
        class_mix=_class_mix(window, class_names),
        reference_class_mix=_reference_mix(class_names, reference),
        mean_confidence=float(window.probability_N.mean()) if len(window.probability_N) else None,
        reference_confidence=_reference_confidence(reference),
        live_accuracy=_live_accuracy(window),
    )


def _span(window: Window) -> tuple[float | None, float | None]:
    """What was asked for, else from the first request to the last."""
    if not len(window.received_at_s_R):
        return window.since_s, window.until_s
    since_s = window.received_at_s_R[0] if window.since_s is None else window.since_s
    until_s = window.received_at_s_R[-1] if window.until_s is None else window.until_s
    return float(since_s), float(until_s)


def _latency(window: Window) -> tuple[float | None, float | None, float | None]:
    """Of answered requests only: a refusal is quick, and would flatter."""
    answered_R = window.latency_ms_R[window.status_R < 400]
    if not len(answered_R):
        return None, None, None
    p50, p95, p99 = np.percentile(answered_R, _PERCENTILES).tolist()
    return p50, p95, p99


def _class_mix(window: Window, class_names: Sequence[str]) -> dict[str, float]:
    counts_K = np.bincount(window.label_N, minlength=len(window.class_names)).tolist()
    counts = dict.fromkeys(class_names, 0) | dict(zip(window.class_names, counts_K, strict=True))
    shown = {name: n for name, n in counts.items() if n or name in class_names}
    total = max(1, len(window.label_N))
    return {name: n / total for name, n in shown.items()}


def _reference_mix(
    class_names: Sequence[str], reference: Mapping[str, npt.NDArray[Any]] | None
) -> dict[str, float] | None:
    if not reference or "class_counts_K" not in reference or len(reference["class_counts_K"]) != len(class_names):
        return None
    counts_K = reference["class_counts_K"]
    return dict(zip(class_names, (counts_K / max(1, counts_K.sum())).tolist(), strict=True))


def _reference_confidence(reference: Mapping[str, npt.NDArray[Any]] | None) -> float | None:
    """The mean from the percentiles 0, 1, … 100: the area under the curve through them."""
    if not reference or "confidence_Q" not in reference:
        return None
    confidence_Q = reference["confidence_Q"].astype(np.float64)
    return float(((confidence_Q[1:] + confidence_Q[:-1]) / 2).mean())


def _live_accuracy(window: Window) -> LiveAccuracy | None:
    known_N = window.feedback_N != NO_LABEL
    n = int(known_N.sum())
    if not n:
        return None
    right = int((window.feedback_N[known_N] == window.label_N[known_N]).sum())
    interval = wilson(right, n)
    return LiveAccuracy(interval.value, interval.low, interval.high, n)
