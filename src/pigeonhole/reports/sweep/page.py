"""The page of a sweep: its head, its charts in their order, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from pigeonhole.reports.page import chart_place, document, facts_list, state_colours, tiles
from pigeonhole.reports.sweep.figures import SweepFigures
from pigeonhole.reports.sweep.shown import STATES, figure, is_share, objective, seconds_text
from pigeonhole.reports.sweep.table import trials_table

_COLOURS = {state: colour for state, (colour, _) in STATES.items()}


def render(figures: SweepFigures, charts: Mapping[str, Mapping[str, Any]]) -> str:
    """The page.

    Args:
        figures: the sweep.
        charts: Vega-Lite by name, in the order in which they are to stand.
    """
    head = f"<h1>{escape(_headline(figures))}</h1><p>{escape(_counts(figures))}</p>"
    body = f"""<header><p>sweep {escape(figures.name)}</p>{head}</header>
{_tiles(figures)}
{_facts(figures)}
{"".join(_section(chart, content) for chart, content in charts.items())}
{_notes(figures)}
<section><h2>All trials</h2><div class="scroll">{trials_table(figures)}</div></section>"""
    return document(f"Sweep {figures.name}", body, state_colours(_COLOURS))


def _section(name: str, specification: Mapping[str, Any]) -> str:
    return f'<section class="chart">{chart_place(name, specification)}</section>\n'


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
    shown = [
        (best, f"best {figures.metrics[0]}"),
        (str(len(figures.trials)), "trials"),
        (str(_number(figures, "Terminated")), "stopped early") if _number(figures, "Terminated") else (None, ""),
        (str(_number(figures, "Failed")), "failed") if _number(figures, "Failed") else (None, ""),
        (seconds_text(sum(ran)) if ran else None, "of trials, together"),
        (None if figures.seconds_saved is None else seconds_text(figures.seconds_saved), "saved by stopping, about"),
    ]
    return tiles(shown)


def _facts(figures: SweepFigures) -> str:
    if not figures.facts:
        return ""
    return f"<section>{facts_list(figures.facts)}</section>"


def _notes(figures: SweepFigures) -> str:
    if figures.importance or not figures.importance_note:
        return ""
    return f'<section><p class="note">Importance of the parameters: {escape(figures.importance_note)}</p></section>'
