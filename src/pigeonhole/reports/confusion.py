"""The confusion matrix drawn twice: as counts, and as error rates with the diagonal left out of the colour scale.

The true class is in rows, as in scikit-learn and Azure ML; both axes say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.reports import style

_SIDE = 620
_LARGEST_CELL = 80
_SMALLEST_CELL_WITH_TEXT = 22
_MOST_EMPTY_CELLS_DRAWN = 40  # classes; beyond, white is as clear
_LETTER = 7  # the width of one, about
_Cell = dict[str, Any]


def confusion_charts(evaluation: Mapping[str, Any], folder: Path, *, html: bool = False) -> list[Path]:
    """Draws `confusion-counts.png` and `confusion-errors.png`.

    Args:
        evaluation: what `Evaluation.to_dict` gives.
        folder: where to.
        html: whether to write HTML too, in which each cell says what it is; useful for many classes.
    """
    data = evaluation["confusion_matrix"]["data"]
    names, cells = list(data["class_labels"]), _cells(data["class_labels"], data["matrix"])
    filled = {"cells": cells, "background": _background_cells(names)}
    counts = _matrix(names, _counts_layers(cells, names)).properties(title=style.title(*_right(evaluation)))
    errors = _matrix(names, _errors_layers(cells, names)).properties(title=style.title(*_worst(cells)))
    return [
        *style.save(counts, folder / "confusion-counts.png", html=html, datasets=filled),
        *style.save(errors, folder / "confusion-errors.png", html=html, datasets=filled),
    ]


def _cells(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[_Cell]:
    """The cells that hold something. Empty ones are the background: a matrix of 100 classes is mostly empty."""
    cells = []
    for t, row in enumerate(matrix):
        for p, count in enumerate(row):
            if count:
                share = count / sum(row)
                cells.append({"true": names[t], "predicted": names[p], "n": count, "share": share, "right": t == p})
    return cells


def _cell_size(names: Sequence[str]) -> float:
    return min(_LARGEST_CELL, _SIDE / len(names))


def _legend_length(names: Sequence[str]) -> float:
    return min(180, _cell_size(names) * len(names) - 30)


def _matrix(names: list[str], layers: list[Any]) -> Any:
    side = _cell_size(names) * len(names)
    return style.altair().layer(*layers).properties(width=side, height=side)


def _base(names: list[str], dataset: str = "cells") -> Any:
    alt = style.altair()
    size = _cell_size(names)
    axis = {
        "labelFontSize": max(6, min(13, size - 1)),
        "labelLimit": 110,
        "labelOverlap": False,
        "labelPadding": 4,
        "ticks": False,
        "domain": False,
    }
    upright = max(map(len, names)) * _LETTER < size
    scale = alt.Scale(domain=names, paddingInner=0.04 if size > 12 else 0)
    return alt.Chart(alt.NamedData(dataset)).encode(
        x=alt.X(
            "predicted:N", title="predicted class", scale=scale, axis=alt.Axis(labelAngle=0 if upright else -90, **axis)
        ),
        y=alt.Y("true:N", title="true class", scale=scale, axis=alt.Axis(**axis)),
        tooltip=["true:N", "predicted:N", "n:Q", alt.Tooltip("share:Q", format=".2%", title="of the true class")],
    )


def _background_cells(names: list[str]) -> list[_Cell]:
    return [{"true": t, "predicted": p} for t in names for p in names] if len(names) <= _MOST_EMPTY_CELLS_DRAWN else []


def _background(names: list[str]) -> Any:
    """Every cell in a pale grey, so that empty ones are seen to be empty."""
    return _base(names, "background").mark_rect(color="#F5F5F5").encode(tooltip=style.altair().value(None))


def _counts_layers(cells: list[_Cell], names: list[str]) -> list[Any]:
    alt = style.altair()
    largest = max(cell["n"] for cell in cells)
    # A logarithmic scale, or the diagonal would leave one shade for all mistakes.
    colour = alt.Scale(type="symlog", domain=[0, largest], range=["#EAF2F8", "#9CC3DF", "#2C7FB8", "#08306B"])
    base = _base(names)
    ticks = [0, *(10**power for power in range(9) if 10**power <= largest)]
    legend = alt.Legend(title="images", gradientLength=_legend_length(names), values=ticks, format=",d")
    squares = base.mark_rect().encode(color=alt.Color("n:Q", scale=colour, legend=legend))
    # On the logarithmic scale the upper half is dark.
    dark = f"log(1 + datum.n) > 0.55 * log(1 + {largest})"
    return [_background(names), squares, *_text(base, names, "n:Q", ",d", dark)]


def _errors_layers(cells: list[_Cell], names: list[str]) -> list[Any]:
    alt = style.altair()
    largest = max((cell["share"] for cell in cells if not cell["right"]), default=0.01)
    colour = alt.Scale(domain=[0, largest], range=["#FFF3E6", "#FDAE6B", "#E6550D", "#7F2704"])
    heading = ["share of the", "true class"]
    legend = alt.Legend(title=heading, gradientLength=_legend_length(names), tickCount=4, format=".2~%")
    mistakes = _base(names).transform_filter("!datum.right")
    squares = mistakes.mark_rect().encode(color=alt.Color("share:Q", scale=colour, legend=legend))
    right = _base(names).transform_filter("datum.right")
    diagonal = right.mark_rect(color=style.PALE)
    dark = f"datum.share > 0.6 * {largest}"
    form = ".1%" if largest >= 0.001 else ".2%"
    texts = [
        *_text(mistakes, names, "share:Q", form, dark),
        *_text(right, names, "share:Q", ".1%", "false"),
    ]
    return [_background(names), diagonal, squares, *texts]


def _text(base: Any, names: list[str], field: str, form: str, dark: str) -> list[Any]:
    size = _cell_size(names)
    if size < _SMALLEST_CELL_WITH_TEXT:
        return []
    alt = style.altair()
    colour = alt.condition(dark, alt.value("white"), alt.value(style.INK))
    return [base.mark_text(fontSize=min(13, size / 3.1)).encode(text=alt.Text(field, format=form), color=colour)]


def _right(evaluation: Mapping[str, Any]) -> tuple[str, str]:
    accuracy, n = evaluation["accuracy"], evaluation["n"]
    return (
        f"{n - evaluation['errors']:,} of {n:,} right: accuracy {accuracy['value']:.2%}",
        f"95% interval {accuracy['low']:.2%} to {accuracy['high']:.2%}. Images by true and predicted class;"
        " colour on a logarithmic scale.",
    )


def _worst(cells: list[_Cell]) -> tuple[str, str]:
    wrong = [cell for cell in cells if not cell["right"]]
    drawn = "Share of each true class; the diagonal, grey, is the share that is right and has no part in the colours."
    if not wrong:
        return "Not one mistake", drawn
    worst = max(wrong, key=lambda cell: (cell["share"], cell["n"]))
    of = round(worst["n"] / worst["share"])
    return (
        f"Most often mistaken: {worst['true']} for {worst['predicted']},"
        f" {worst['n']:,} of {of:,} images ({worst['share']:.1%})",
        drawn,
    )
