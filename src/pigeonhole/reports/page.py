"""What the pages of reports share: one HTML file with everything inside it. Its policy forbids it any network."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from pigeonhole.core.optional import require

# Vega compiles its expressions, which needs eval; nothing is fetched from anywhere.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:;"
    " base-uri 'none'; form-action 'none'"
)
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #F6F7F8; color: #222; font: 14px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 10px; }
header p { margin: 0 0 14px; color: #555; overflow-wrap: anywhere; }
section { background: #FFF; border: 1px solid #E4E4E4; border-radius: 8px; margin: 18px 0; padding: 10px 14px; }
section.chart { overflow-x: auto; }
section.chart > div { width: fit-content; margin: 0 auto; }
p.note { margin: 8px 2px; color: #555; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; }
.tile { background: #FFF; border: 1px solid #E4E4E4; border-radius: 8px; padding: 10px 16px; min-width: 110px; }
.tile b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.tile span { color: #555; font-size: 12.5px; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; }
dt { color: #555; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow: auto; max-height: 640px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { position: sticky; top: 0; background: #FFF; text-align: left; cursor: pointer; white-space: nowrap;
  box-shadow: inset 0 -1px #AAA; user-select: none; }
th, td { padding: 4px 10px; }
th[aria-sort=ascending]::after { content: " ▲"; } th[aria-sort=descending]::after { content: " ▼"; }
td { border-bottom: 1px solid #EEE; vertical-align: top; max-width: 420px; overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.reason { min-width: 300px; }
tr.best td { background: #E9F6F1; font-weight: 600; }
.state { white-space: nowrap; }
.state::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 5px; margin-right: 6px; }
pre { white-space: pre-wrap; font-size: 12px; margin: 6px 0; max-height: 300px; overflow: auto; }
code { font-size: 12.5px; white-space: nowrap; }
summary { cursor: pointer; }
"""
_DRAW = """
const options = {renderer: "svg", actions: {export: true, source: false, compiled: false, editor: false}};
for (const place of document.querySelectorAll("[data-chart]")) {
  const specification = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  vegaEmbed(place, specification, options).catch(error => { place.textContent = String(error); console.error(error); });
}
for (const table of document.querySelectorAll("table.sortable")) {
  for (const [column, heading] of table.querySelectorAll("th").entries()) {
    heading.addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const key = row => row.cells[column].dataset.value;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x !== undefined && y !== undefined) return (rising ? 1 : -1) * (Number(x) - Number(y));
        if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
        return (rising ? 1 : -1) * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(compare));
    });
  }
}
"""
_LONG = 90


def document(title: str, body: str, style: str = "") -> str:
    """The page.

    Args:
        title: of the window, not yet escaped.
        body: what stands in `main`, as HTML.
        style: rules of this page alone.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<main>
{body}
</main>
<script>{library()}</script>
<script>{_DRAW}</script>
</body>
</html>
"""


@functools.cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the renderer's own copy."""
    return str(require("vl_convert", extra="reports").javascript_bundle())


def chart_place(name: str, specification: Mapping[str, Any]) -> str:
    """The place of a chart, and its Vega-Lite beside it."""
    # As JSON in a script element, nothing but `</script` and `<!--` could end it early, and both begin with `<`.
    content = json.dumps(specification, allow_nan=False).replace("<", "\\u003c")
    return f'<div data-chart="{name}"></div>\n<script type="application/json" id="{name}">{content}</script>\n'


def state_colours(colours: Mapping[str, str]) -> str:
    """The rules that give the dot before each state its colour."""
    rules = (f".{state.lower()} .state::before {{ background: {colour}; }}" for state, colour in colours.items())
    return "\n".join(rules)


def tiles(shown: Iterable[tuple[str | None, str]]) -> str:
    """Figures with what they are of; one that is `None` or empty is left out."""
    made = (f'<div class="tile"><b>{escape(text)}</b><span>{escape(what)}</span></div>' for text, what in shown if text)
    return f'<div class="tiles">{"".join(made)}</div>'


def facts_list(facts: Mapping[str, str]) -> str:
    """Texts by their labels."""
    lines = (f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in facts.items())
    return f"<dl>{''.join(lines)}</dl>"


def long_text(text: str) -> str:
    """A text whose first line is shown, and the rest once it is opened."""
    if len(text) <= _LONG and "\n" not in text:
        return escape(text)
    # A traceback's last line says what happened; the rest is there to be opened.
    lines = [line for line in text.strip().splitlines() if line.strip()]
    shown = (lines[-1] if lines and lines[0].startswith("Traceback") else lines[0])[:_LONG] if lines else ""
    return f"<details><summary>{escape(shown)} …</summary><pre>{escape(text)}</pre></details>"
