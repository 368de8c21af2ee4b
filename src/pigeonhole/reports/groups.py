"""Accuracy by group, each with its interval: who or what the model serves worse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.reports import style

_NAMED = 40
_CALLED_OUT = 5


def group_accuracy(
    evaluation: Mapping[str, Any], folder: Path, *, group_name: str = "group", html: bool = False
) -> list[Path]:
    """Draws `groups.png`: by name for up to 40 groups, else in rank order with the lowest five named.

    Args:
        evaluation: what `Evaluation.to_dict` gives.
        folder: where to.
        group_name: what a group is (`writer`).
        html: whether to write `groups.html` too.

    Returns:
        The files; none where the evaluation has no groups.
    """
    groups = evaluation.get("by_group")
    if not groups:
        return []
    rows = [
        {"group": each["group"], "n": each["n"], "rank": rank, **each["accuracy"]}
        for rank, each in enumerate(groups, start=1)
    ]
    overall = evaluation["accuracy"]["value"]
    chart = _by_name(rows, group_name, overall) if len(rows) <= _NAMED else _by_rank(rows, group_name, overall)
    chart = chart.properties(title=style.title(*_finding(rows, group_name, overall)))
    return style.save(chart, folder / "groups.png", html=html)


def _by_name(rows: list[dict[str, Any]], group_name: str, overall: float) -> Any:
    alt = style.altair()
    base = alt.Chart(alt.Data(values=rows), width=600, height=alt.Step(22)).encode(
        y=alt.Y("group:N", title=group_name, sort=[row["group"] for row in rows], axis=alt.Axis(labelLimit=160))
    )
    scale = alt.Scale(zero=False, nice=True)
    x = alt.X("value:Q", title="accuracy, with 95% interval", scale=scale, axis=alt.Axis(format=".0~%"))
    spans = base.mark_rule(color=style.BLUE, strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    return _line(overall, "x") + spans + base.mark_circle(color=style.BLUE, size=70, opacity=1).encode(x=x)


def _by_rank(rows: list[dict[str, Any]], group_name: str, overall: float) -> Any:
    alt = style.altair()
    scale = alt.Scale(zero=False, nice=True)
    x = alt.X(
        "rank:Q",
        title=f"{group_name}s, the lowest accuracy first",
        scale=alt.Scale(domain=[0, len(rows) + 1]),
        axis=alt.Axis(grid=False, tickCount=10),
    )
    base = alt.Chart(alt.Data(values=rows), width=720, height=300).encode(x=x)
    y = alt.Y("value:Q", title="accuracy, with 95% interval", scale=scale, axis=alt.Axis(format=".0~%"))
    spans = base.mark_rule(color="#9CC3DF", strokeWidth=min(3, 500 / len(rows))).encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q"
    )
    dots = base.mark_circle(color=style.BLUE, size=16, opacity=1).encode(
        y=y, tooltip=["group:N", "n:Q", alt.Tooltip("value:Q", format=".2%")]
    )
    return spans + _line(overall, "y") + dots


def _line(overall: float, axis: str) -> Any:
    alt = style.altair()
    base = alt.Chart(alt.Data(values=[{"overall": overall}]))
    return base.mark_rule(color=style.ORANGE, strokeDash=[4, 3], strokeWidth=1.5).encode(**{axis: "overall:Q"})


def _finding(rows: list[dict[str, Any]], group_name: str, overall: float) -> tuple[str, ...]:
    below = sum(row["high"] < overall for row in rows)
    n = len(rows)
    by_luck = n * 0.025
    luck = f" About {by_luck:.0f} would be by luck alone." if by_luck >= 0.5 else ""
    lowest = [row for row in rows[: _CALLED_OUT if n > _NAMED else 1] if row["value"] < overall]
    named = ", ".join(f"{row['group']} ({row['value']:.1%} of {row['n']:,} images)" for row in lowest)
    return (
        f"{below or 'None'} of {n} {group_name}s {'is' if below < 2 else 'are'} served clearly worse than the whole",
        f"Clearly: the group's 95% interval ends below the accuracy on all images, {overall:.2%} (dashed).{luck}",
        f"Lowest: {named}." if named else "",
    )
