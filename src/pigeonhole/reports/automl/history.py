"""The best score over the seconds of a search, with every score it is the best of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.automl.shown import error_of, score_axis, score_text
from pigeonhole.reports.sweep.shown import finite

_HEIGHT = 280


def improvements(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The scores that were the best when they came, in the order of time."""
    best: list[dict[str, Any]] = []
    for point in _points(facts):
        if not best or point["score"] > best[-1]["score"]:
            best.append(point)
    return best


def history_chart(facts: Mapping[str, Any]) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """The chart and its rows; `None` where no score came."""
    points = _points(facts)
    if not points:
        return None
    alt = style.altair()
    x, y = _time_axis(facts, points), score_axis(facts["primary_metric"], [point["error"] for point in points])
    tooltip = [alt.Tooltip("name:N", title="candidate"), "score_text:N", alt.Tooltip("at_s:Q", format=".1f")]
    line = alt.Chart(alt.NamedData("best")).mark_line(
        interpolate="step-after", color=style.GREEN, strokeWidth=2, clip=True
    )
    dots = alt.Chart(alt.NamedData("scores")).mark_circle(size=46, opacity=0.75, color="#9A9A9A")
    better = alt.Chart(alt.NamedData("better")).mark_circle(size=80, opacity=1, color=style.GREEN)
    layers = [line.encode(x=x, y=y)]
    layers += [layer.encode(x=x, y=y, tooltip=tooltip) for layer in (dots, better)]
    chart = alt.layer(_budget(facts), *layers).properties(width="container", height=_HEIGHT)
    return chart, {"scores": points, "better": improvements(facts), "best": _steps(facts)}


def history_finding(facts: Mapping[str, Any]) -> str:
    """What the chart shows, in a sentence."""
    best = improvements(facts)
    first, last = best[0], best[-1]
    if first is last:
        return f"The first score, {last['score_text']} after {last['at_s']:.1f} s, stayed the best"
    return (
        f"The first score came after {first['at_s']:.1f} s ({first['score_text']}), "
        f"the best after {last['at_s']:.1f} s ({last['score_text']})"
    )


def _points(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {row["candidate"]: row["name"] for row in facts["leaderboard"]}
    known = [
        (at, score, point["candidate"])
        for point in facts.get("history") or ()
        if (at := finite(point["at_s"])) is not None and (score := finite(point["score"])) is not None
    ]
    errors = [1 - score for _, score, _ in known]
    return [
        {
            "at_s": at,
            "score": score,
            "score_text": score_text(facts["primary_metric"], score),
            "error": error_of(score, errors),
            "name": names.get(candidate, candidate),
        }
        for at, score, candidate in sorted(known, key=lambda one: one[0])
    ]


def _steps(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The improvements, and the last of them again at the end of the search."""
    best = improvements(facts)
    end = finite(facts["seconds"])
    return [*best, {**best[-1], "at_s": end}] if end is not None and end > best[-1]["at_s"] else best


def _end_s(facts: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> float:
    known = [finite(facts["seconds"]), finite(facts["budget_s"]), points[-1]["at_s"]]
    return float(max(value for value in known if value is not None))


def _time_axis(facts: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> Any:
    alt = style.altair()
    scale = alt.Scale(domain=[0, (_end_s(facts, points) or 1.0) * 1.02], nice=False)
    return alt.X("at_s:Q", title="seconds of the search", scale=scale, axis=alt.Axis(grid=False, tickCount=8))


def _budget(facts: Mapping[str, Any]) -> Any:
    """Where the budget ends."""
    alt = style.altair()
    ends = [{"at_s": facts["budget_s"], "text": "budget"}] if finite(facts["budget_s"]) is not None else []
    return (
        alt.Chart(alt.Data(values=ends))
        .mark_rule(color=style.GREY, strokeDash=[4, 4])
        .encode(x="at_s:Q", tooltip="text:N")
    )
