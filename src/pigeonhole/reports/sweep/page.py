"""The page of a sweep: one HTML file with everything inside it. Its policy forbids it any network."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from html import escape
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.shown import STATES, figure, is_share, objective, seconds_text
from pigeonhole.reports.sweep.table import trials_table

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
const table = document.getElementById("trials");
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
"""


def render(figures: SweepFigures, charts: Mapping[str, Mapping[str, Any]]) -> str:
    """The page.

    Args:
        figures: the sweep.
        charts: Vega-Lite by name, in the order in which they are to stand.
    """
    name = escape(figures.name)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sweep {name}</title>
<style>{_STYLE}{_state_colours()}</style>
</head>
<body>
<main>
<header><p>sweep {name}</p><h1>{escape(_headline(figures))}</h1><p>{escape(_counts(figures))}</p></header>
<div class="tiles">{_tiles(figures)}</div>
{_facts(figures)}
{"".join(_section(chart, content) for chart, content in charts.items())}
{_notes(figures)}
<section><h2>All trials</h2><div class="scroll">{trials_table(figures)}</div></section>
</main>
<script>{_library()}</script>
<script>{_DRAW}</script>
</body>
</html>
"""


@functools.cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the renderer's own copy."""
    return str(require("vl_convert", extra="reports").javascript_bundle())


def _section(name: str, specification: Mapping[str, Any]) -> str:
    # As JSON in a script element, nothing but `</script` and `<!--` could end it early, and both begin with `<`.
    content = json.dumps(specification, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<section class="chart"><div data-chart="{name}"></div></section>\n'
        f'<script type="application/json" id="{name}">{content}</script>\n'
    )


def _state_colours() -> str:
    rules = (f".{state.lower()} .state::before {{ background: {colour}; }}" for state, (colour, _) in STATES.items())
    return "\n".join(rules)


def _headline(figures: SweepFigures) -> str:
    best = next((trial for trial in figures.trials if trial.number == figures.best), None)
    if best is not None:
        return f"{_value(figures, best.number)} {figures.metrics[0]} with trial {best.number}"
    if figures.pareto:
        number = len(figures.pareto)
        return f"{number} trial{'s' if number > 1 else ''} on the Pareto front of {', '.join(figures.metrics)}"
    if not figures.trials:
        return "No trial yet"
    return "No trial has a value yet" if _number(figures, "Running") else "No trial has a value"


def _value(figures: SweepFigures, number: int) -> str:
    value = next(objective(figures, trial) for trial in figures.trials if trial.number == number)
    return figure(value, share=value is not None and is_share(figures.metrics[0], [value]))


def _number(figures: SweepFigures, state: str) -> int:
    return sum(trial.state == state for trial in figures.trials)


def _counts(figures: SweepFigures) -> str:
    there = [f"{number} {state}" for state in STATES if (number := _number(figures, state))]
    goals = ", ".join(f"{goal} {metric}" for goal, metric in zip(figures.goals, figures.metrics, strict=True))
    return f"Goal: {goals}. Trials: {', '.join(there) or 'none'}."


def _tiles(figures: SweepFigures) -> str:
    best = None if figures.best is None else _value(figures, figures.best)
    ran = [trial.seconds for trial in figures.trials if trial.seconds is not None]
    tiles = [
        (best, f"best {figures.metrics[0]}"),
        (str(len(figures.trials)), "trials"),
        (str(_number(figures, "Terminated")), "stopped early") if _number(figures, "Terminated") else (None, ""),
        (str(_number(figures, "Failed")), "failed") if _number(figures, "Failed") else (None, ""),
        (seconds_text(sum(ran)) if ran else None, "of trials, together"),
        (None if figures.seconds_saved is None else seconds_text(figures.seconds_saved), "saved by stopping, about"),
    ]
    shown = (
        f'<div class="tile"><b>{escape(text)}</b><span>{escape(what)}</span></div>' for text, what in tiles if text
    )
    return "".join(shown)


def _facts(figures: SweepFigures) -> str:
    if not figures.facts:
        return ""
    lines = (f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in figures.facts.items())
    return f"<section><dl>{''.join(lines)}</dl></section>"


def _notes(figures: SweepFigures) -> str:
    if figures.importance or not figures.importance_note:
        return ""
    return f'<section><p class="note">Importance of the parameters: {escape(figures.importance_note)}</p></section>'
