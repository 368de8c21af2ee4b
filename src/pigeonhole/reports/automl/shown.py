"""How candidates and their scores are shown: as text, and on an axis that widens towards a perfect score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.shown import ABSENT, figure, finite, is_share

STATES = {
    "ok": style.BLUE,
    "stopped": style.ORANGE,
    "running": style.GREEN,
    "not-applicable": style.GREY,
    "failed": style.INK,
}
# Places on an axis of scores, each with about half the errors of the one before.
_TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 0.99999, 0.999999)
# A perfect score has no place on such an axis: it is drawn at half the errors of the next best.
_LEAST_ERROR = 1e-7


def score_text(metric: str, score: Any) -> str:
    """A score as text; one that is not perfect never reads as one."""
    value = finite(score)
    if value is None:
        return ABSENT
    share = is_share(metric, [value])
    text = figure(value, share=share)
    if value < 1 and text in {"100.00%", "1"}:
        return f"{value:.4%}" if share else f"{value:.8g}"
    return text


def uncertain(metric: str, row: Mapping[str, Any]) -> str:
    """A score with half of its 95% interval."""
    text = score_text(metric, row["score"])
    low, high = finite(row.get("low")), finite(row.get("high"))
    if text == ABSENT or low is None or high is None:
        return text
    half = (high - low) / 2
    return f"{text} ± {100 * half:.2f}" if text.endswith("%") else f"{text} ± {half:.2g}"


def size_text(value: Any) -> str:
    """A size in decimal units."""
    size = finite(value)
    if size is None:
        return ABSENT
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def latency_text(value: Any) -> str:
    """Milliseconds an image."""
    latency = finite(value)
    return ABSENT if latency is None else f"{latency:.3g} ms"


def error_of(score: float, errors: Iterable[float] = ()) -> float:
    """What a score lacks of a perfect one, never nothing, so that a logarithmic axis has a place for it."""
    least = min((error for error in errors if error > 0), default=2 * _LEAST_ERROR)
    return max(1.0 - score, _LEAST_ERROR, 0.0 if score < 1 else least / 2)


def score_axis(metric: str, errors: Iterable[float]) -> Any:
    """The axis for `error`, upwards to better scores, written as scores."""
    alt = style.altair()
    known = list(errors)
    low, high = min(known) / 1.15, min(1.0, max(known) * 1.15)
    ticks = [round(1 - score, 9) for score in _TICKS if low <= 1 - score <= high]
    share = is_share(metric, [1 - error for error in known])
    form = "format(1 - datum.value, '.6~%')" if share else "format(1 - datum.value, '.7~g')"
    few = {"values": ticks} if len(ticks) > 1 else {"tickCount": 4}
    return alt.Y(
        "error:Q",
        title=metric,
        scale=alt.Scale(type="log", domain=[low, high], reverse=True, nice=False, clamp=True),
        axis=alt.Axis(labelExpr=form, **few),
    )
