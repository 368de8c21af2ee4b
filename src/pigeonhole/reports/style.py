"""One look for all charts, and the way onto disk. Altair draws, vl-convert renders; no browser, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.core.files import write_bytes
from pigeonhole.core.optional import require

# Okabe and Ito's palette: told apart with every common kind of colour blindness. https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6B6B6B"
INK, PALE = "#222222", "#E4E4E4"
_SCALE = 2.0


def altair() -> Any:
    """The charting package, imported on first use.

    Raises:
        MissingDependencyError: the extra `reports` is not installed.
    """
    return require("altair", extra="reports")


def title(text: str, *subtitle: str) -> Any:
    """A chart's title, which says the finding, and lines below it, which say what is drawn."""
    return altair().TitleParams(text=text, subtitle=[line for line in subtitle if line])


def save(
    chart: Any, path: Path, *, html: bool = False, datasets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> list[Path]:
    """Writes the chart as PNG and, where asked, beside it as one HTML file that works offline.

    Args:
        chart: any Altair chart, without configuration of its own.
        path: the PNG file; its folder is made if absent.
        html: whether to write the HTML file too (about 900 kB and one second).
        datasets: rows by the name under which the chart refers to them. Altair copies rows that are inside a chart
            at every step, which for the 10,000 cells of a large matrix takes longer than drawing them.
    """
    render = require("vl_convert", extra="reports")
    content = json.dumps(specification(chart, datasets))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, render.vegalite_to_png(content, scale=_SCALE))
    if not html:
        return [path]
    page = path.with_suffix(".html")
    write_bytes(page, render.vegalite_to_html(content, bundle=True).encode())
    return [path, page]


def specification(chart: Any, datasets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> dict[str, Any]:
    """The styled chart as Vega-Lite, with the rows that it refers to by name."""
    content: dict[str, Any] = _styled(chart).to_dict()
    content["datasets"] = {**content.get("datasets", {}), **(datasets or {})}
    return content


def _styled(chart: Any) -> Any:
    return (
        chart.configure(background="white", padding=14, font="sans-serif")
        .configure_title(
            fontSize=16,
            subtitleFontSize=12,
            anchor="start",
            color=INK,
            subtitleColor=GREY,
            offset=12,
            subtitlePadding=5,
        )
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            labelColor=INK,
            titleColor=INK,
            gridColor="#EEEEEE",
            domainColor="#AAAAAA",
            tickColor="#AAAAAA",
        )
        .configure_view(stroke=None)
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelColor=INK, titleColor=INK)
    )
