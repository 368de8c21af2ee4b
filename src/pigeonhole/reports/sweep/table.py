"""The table of all trials as HTML. Everything in it is text of the user's, and escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from pigeonhole.reports.page import long_text
from pigeonhole.reports.sweep.figures import SweepFigures, TrialFigures
from pigeonhole.reports.sweep.shown import ABSENT, figure, finite, is_share, objective, text_of


def trials_table(figures: SweepFigures) -> str:
    """A row a trial; a click on a heading sorts, by the plain value and not by how it is written."""
    shares = [_share(figures, index) for index in range(len(figures.metrics))]
    headings = ["trial", "state", *figures.metrics, *_parameters(figures), "seconds", "run", "reason"]
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "\n".join(_row(figures, trial, shares) for trial in figures.trials)
    return f'<table id="trials" class="sortable"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'


def _parameters(figures: SweepFigures) -> list[str]:
    return [parameter.name for parameter in figures.parameters]


def _share(figures: SweepFigures, index: int) -> bool:
    values = [value for trial in figures.trials if (value := objective(figures, trial, index)) is not None]
    return is_share(figures.metrics[index], values)


def _row(figures: SweepFigures, trial: TrialFigures, shares: list[bool]) -> str:
    marks = [trial.state.lower()]
    if trial.number == figures.best or trial.number in figures.pareto:
        marks.append("best")
    return f'<tr class="{" ".join(marks)}">{"".join(_cells(figures, trial, shares))}</tr>'


def _cells(figures: SweepFigures, trial: TrialFigures, shares: list[bool]) -> Iterator[str]:
    yield _cell(trial.number, str(trial.number))
    yield f'<td><span class="state">{escape(trial.state)}</span></td>'
    for index, share in enumerate(shares):
        value = objective(figures, trial, index)
        yield _cell(value, figure(value, share=share))
    for name in _parameters(figures):
        value = trial.values.get(name)
        yield _cell(value, text_of(value) if name in trial.values else ABSENT)
    yield _cell(trial.seconds, ABSENT if trial.seconds is None else f"{trial.seconds:.1f}")
    yield f"<td><code>{escape(trial.run_id or ABSENT)}</code></td>"
    yield f'<td class="reason">{long_text(trial.reason or "")}</td>'


def _cell(value: Any, text: str) -> str:
    number = finite(value)
    if number is None:
        return f"<td>{long_text(text)}</td>"
    return f'<td class="number" data-value="{number!r}">{escape(text)}</td>'
