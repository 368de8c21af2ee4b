"""Runs side by side: accuracy with its interval as a chart, and what each costs as a table beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.reports import style

_ROW = 30


def comparison_chart(
    rows: Sequence[Mapping[str, Any]], folder: Path, *, on: str = "test", html: bool = False
) -> list[Path]:
    """Draws `comparison.png`, the highest accuracy on top.

    Args:
        rows: an entry a run: `name`, `accuracy` as `{value, low, high}`, and of `p_value` (against the first row),
            `seconds`, `peak_memory_bytes`, `n_parameters`, `bundle_bytes`, `latency_ms` what is known.
        folder: where to.
        on: the split that the accuracies are of.
        html: whether to write `comparison.html` too.

    Returns:
        The files; none where no run has an accuracy.
    """
    known = [row for row in rows if row.get("accuracy")]
    if not known:
        return []
    alt = style.altair()
    ordered = sorted(known, key=lambda row: -row["accuracy"]["value"])
    values = [{"name": row["name"], **row["accuracy"], **_cells(row)} for row in ordered]
    sort = [row["name"] for row in ordered]
    columns = [_column(values, sort, name) for name in COLUMNS if any(value[name] != "–" for value in values)]
    chart = alt.hconcat(_intervals(values, sort), *columns, spacing=14)
    title = style.title(*_finding(ordered, rows[0]["name"], on, len(rows) - len(known)))
    return style.save(chart.properties(title=title), folder / "comparison.png", html=html)


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def _count(value: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "p_value": ("paired p", lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}"),
    "seconds": ("training", lambda value: f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"),
    "peak_memory_bytes": ("peak memory", _bytes),
    "n_parameters": ("parameters", _count),
    "bundle_bytes": ("bundle", _bytes),
    "latency_ms": ("latency", lambda value: f"{value:.3g} ms"),
}


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: "–" if row.get(name) is None else form(row[name]) for name, (_, form) in COLUMNS.items()}


def _intervals(values: list[dict[str, Any]], sort: list[str]) -> Any:
    alt = style.altair()
    base = alt.Chart(alt.Data(values=values), width=300, height=alt.Step(_ROW)).encode(
        y=alt.Y("name:N", sort=sort, title=None, axis=alt.Axis(labelLimit=220, domain=False, ticks=False))
    )
    scale = alt.Scale(zero=False, nice=True)
    axis = alt.Axis(format=".2~%", tickCount=5)
    spans = base.mark_rule(color=style.BLUE, strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title="accuracy, with 95% interval", axis=axis), x2="high:Q"
    )
    dots = base.mark_circle(color=style.BLUE, size=90, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    figures = base.mark_text(dy=-10, fontSize=11, color=style.INK).encode(
        x=alt.X("value:Q", scale=scale), text=alt.Text("value:Q", format=".2%")
    )
    return spans + dots + figures


def _column(values: list[dict[str, Any]], sort: list[str], name: str) -> Any:
    alt = style.altair()
    heading = COLUMNS[name][0]
    return (
        alt.Chart(
            alt.Data(values=values),
            width=68,
            height=alt.Step(_ROW),
            title=alt.TitleParams(heading, fontSize=12, fontWeight="normal", anchor="end", color=style.GREY, offset=4),
        )
        .mark_text(align="right", fontSize=12, color=style.INK)
        .encode(y=alt.Y("name:N", sort=sort, axis=None), x=alt.value(68), text=f"{name}:N")
    )


def _finding(ordered: Sequence[Mapping[str, Any]], first: str, on: str, left_out: int) -> tuple[str, ...]:
    best = ordered[0]
    text = f"{best['name']} leads with {best['accuracy']['value']:.2%} on {on}"
    if len(ordered) > 1 and best["accuracy"]["low"] <= ordered[1]["accuracy"]["high"]:
        text += f"; {ordered[1]['name']} is not clearly behind"
    missing = f"{left_out} run{'s' if left_out > 1 else ''} without an evaluation left out." if left_out else ""
    paired = any(row.get("p_value") is not None for row in ordered)
    test = f"Paired p: McNemar's exact test against {first} on the same images." if paired else ""
    return text, test, missing
