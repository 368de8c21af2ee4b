"""The importance of each parameter as bars."""

from __future__ import annotations

from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.shown import short


def importance_chart(figures: SweepFigures) -> tuple[Any, dict[str, list[dict[str, Any]]]] | None:
    """The chart and its rows; `None` where importance could not be told."""
    if not figures.importance:
        return None
    alt = style.altair()
    ranked = sorted(figures.importance.items(), key=lambda entry: -entry[1])
    rows = [{"name": name, "share": share} for name, share in ranked]
    longest = max(share for _, share in ranked)
    base = alt.Chart(alt.NamedData("importance"), width=520, height=alt.Step(28)).encode(
        y=alt.Y(
            "name:N",
            title=None,
            sort=[name for name, _ in ranked],
            axis=alt.Axis(labelLimit=220, domain=False, ticks=False),
        )
    )
    x = alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.12 or 1]))
    bars = base.mark_bar(color=style.BLUE, height=15).encode(
        x=x, tooltip=["name:N", alt.Tooltip("share:Q", format=".1%")]
    )
    figures_of = base.mark_text(align="left", dx=5, fontSize=12, color=style.INK).encode(
        x=x, text=alt.Text("share:Q", format=".1%")
    )
    chart = (bars + figures_of).properties(title=style.title(*_finding(figures, ranked[0])))
    return chart, {"importance": rows}


def _finding(figures: SweepFigures, first: tuple[str, float]) -> tuple[str, ...]:
    return (
        f"{short(first[0])} explains {first[1]:.0%} of the differences in {short(figures.metrics[0])}",
        figures.importance_note or "",
    )
