"""Scores against latencies, with the candidates that no other one beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.automl.shown import error_of, latency_text, score_axis, score_text, uncertain
from pigeonhole.reports.sweep.shown import finite

_HEIGHT = 300
_WIDE_RANGE = 12


def measured(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the leaderboard that have a score and a latency, with their places; `front`: no other beats it."""
    rows = []
    for place, row in enumerate(facts["leaderboard"], 1):
        score, latency = finite(row["score"]), finite(row["latency_ms"])
        if score is not None and latency is not None and latency > 0:
            rows.append({"place": place, "name": row["name"], "score": score, "latency_ms": latency, "row": row})
    return [{**row, "front": not any(_beats(other, row) for other in rows)} for row in rows]


def latency_chart(facts: Mapping[str, Any]) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """The chart and its rows; `None` where nothing was exported and so has no latency."""
    rows = _drawn(facts)
    if not rows:
        return None
    alt = style.altair()
    x, y = _axis(rows), score_axis(facts["primary_metric"], [row["error"] for row in rows])
    tooltip = ["name:N", "score_text:N", alt.Tooltip("latency_text:N", title="latency")]
    base = alt.Chart(alt.NamedData("candidates")).encode(x=x, y=y, tooltip=tooltip)
    rest = base.transform_filter("!datum.front").mark_circle(size=60, color="#B5B5B5", opacity=0.9)
    front = base.transform_filter("datum.front")
    line = front.mark_line(color=style.BLUE, strokeWidth=1.5, interpolate="step-after").encode(order="latency_ms:Q")
    points = front.mark_circle(size=110, color=style.BLUE, opacity=1)
    places = front.mark_text(dy=-13, fontSize=12, color=style.INK).encode(text=alt.Text("place:Q", format="d"))
    layers = [*_limit(facts), line, rest, points, places]
    return alt.layer(*layers).properties(width="container", height=_HEIGHT), {"candidates": rows}


def latency_finding(facts: Mapping[str, Any]) -> str:
    """What the chart shows, in a sentence."""
    rows = measured(facts)
    front = sum(row["front"] for row in rows)
    if len(rows) == 1:
        return "One candidate was exported and has a latency"
    return f"{front} of {len(rows)} exported candidates {'has' if front == 1 else 'have'} none that is better in both"


def front_list(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The front, fastest first, as text."""
    front = sorted((row for row in measured(facts) if row["front"]), key=lambda row: row["latency_ms"])
    return [
        {
            "place": str(row["place"]),
            "name": row["name"],
            "score": uncertain(facts["primary_metric"], row["row"]),
            "latency": latency_text(row["latency_ms"]),
        }
        for row in front
    ]


def _beats(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    better, faster = one["score"] - other["score"], other["latency_ms"] - one["latency_ms"]
    return bool(better >= 0 and faster >= 0 and (better > 0 or faster > 0))


def _drawn(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = measured(facts)
    errors = [1 - row["score"] for row in rows]
    return [
        {
            **{key: row[key] for key in ("place", "name", "latency_ms", "front")},
            "error": error_of(row["score"], errors),
            "score_text": score_text(facts["primary_metric"], row["score"]),
            "latency_text": latency_text(row["latency_ms"]),
        }
        for row in rows
    ]


def _axis(rows: Sequence[Mapping[str, Any]]) -> Any:
    alt = style.altair()
    values = [row["latency_ms"] for row in rows]
    wide = max(values) > _WIDE_RANGE * min(values)
    scale = alt.Scale(type="log", nice=False, padding=18) if wide else alt.Scale(zero=False, padding=18)
    low, high = min(values) / 1.6, max(values) * 1.6
    ticks = [digit * 10.0**power for power in range(-5, 6) for digit in (1, 2, 5)]
    few = {"values": [tick for tick in ticks if low <= tick <= high]} if wide else {"tickCount": 6}
    axis = alt.Axis(format="~g", grid=False, labelOverlap=True, **few)
    return alt.X("latency_ms:Q", title="ms an image   ← better", scale=scale, axis=axis)


def _limit(facts: Mapping[str, Any]) -> list[Any]:
    """The latency that was allowed, where the search had such a limit."""
    alt = style.altair()
    limit = finite((facts.get("settings") or {}).get("max_latency_ms"))
    if limit is None:
        return []
    data = alt.Data(values=[{"latency_ms": limit, "text": f"at most {latency_text(limit)}"}])
    return [alt.Chart(data).mark_rule(color=style.ORANGE, strokeDash=[4, 4]).encode(x="latency_ms:Q", tooltip="text:N")]
