"""The tables of the page as HTML. Everything in them may be text of the user's, and is escaped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from pigeonhole.reports.automl.history import improvements
from pigeonhole.reports.automl.latency import front_list
from pigeonhole.reports.automl.shown import latency_text, score_text, size_text, uncertain
from pigeonhole.reports.page import long_text
from pigeonhole.reports.sweep.shown import ABSENT, finite, seconds_text

_HEADINGS = ("#", "name", "state", "score", "images", "time", "latency", "size", "reason")
_NUMBERS = frozenset({"#", "score", "images", "time", "latency", "size", "weight"})


def leaderboard_table(facts: Mapping[str, Any]) -> str:
    """A row a candidate, best first; a click on a heading sorts."""
    head = "".join(map(_heading, _HEADINGS))
    body = "\n".join(_row(facts, place, row) for place, row in enumerate(facts["leaderboard"], 1))
    return (
        f'<table class="sortable stacked leaderboard"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
    )


def ensemble_table(facts: Mapping[str, Any], ensemble: Mapping[str, Any]) -> str:
    """A row a member, with its weight where it has one."""
    weighted = any(finite(member.get("weight")) is not None for member in ensemble["members"])
    headings = ["member", "weight" if weighted else "", facts["primary_metric"], "run"]
    body = "\n".join(_member(facts, member, weighted) for member in ensemble["members"])
    head = "".join(_heading(heading, {facts["primary_metric"]}) for heading in headings if heading)
    return f'<table class="sortable stacked members"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'


def improvements_table(facts: Mapping[str, Any]) -> str:
    """When the best score changed, and by which candidate."""
    rows = [(f"{point['at_s']:.1f} s", point["score_text"], point["name"]) for point in improvements(facts)]
    return _plain_table(("after", facts["primary_metric"], "candidate"), rows)


def front_table(facts: Mapping[str, Any]) -> str:
    """The candidates that no other one beats in score and latency."""
    rows = [(row["place"], row["name"], row["score"], row["latency"]) for row in front_list(facts)]
    return _plain_table(("#", "name", facts["primary_metric"], "latency"), rows)


def guardrails_list(guardrails: Sequence[Mapping[str, Any]]) -> str:
    """Each check with its result and what it says."""
    return f'<ul class="checks">{"".join(map(_check, guardrails))}</ul>'


def notes_list(notes: Sequence[str]) -> str:
    """What the search has to say of itself."""
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>"


def _heading(text: str, numbers: Collection[str] = ()) -> str:
    kind = ' class="number"' if text in _NUMBERS or text in numbers else ""
    return f"<th{kind}>{escape(text)}</th>"


def _row(facts: Mapping[str, Any], place: int, row: Mapping[str, Any]) -> str:
    best = (facts["best"] or {}).get("candidate") == row["candidate"]
    return f'<tr class="{escape(row["state"])}{" best" if best else ""}">{"".join(_cells(facts, place, row))}</tr>'


def _cells(facts: Mapping[str, Any], place: int, row: Mapping[str, Any]) -> Iterator[str]:
    metric = facts["primary_metric"]
    yield _number("#", place, str(place))
    run = f"<code>{escape(row['run_id'])}</code>" if row["run_id"] else ""
    key = f"{escape(row['candidate'])} " if row["candidate"] != row["name"] else ""
    yield f'<td class="name">{escape(row["name"])}<small>{key}{run}</small></td>'
    yield f'<td class="of-state"><span class="state">{escape(row["state"])}</span></td>'
    yield _number("score", row["score"], uncertain(metric, row), _interval(metric, row))
    yield _number("images", row["images"], ABSENT if row["images"] is None else f"{row['images']:,}")
    seconds = finite(row["seconds"])
    yield _number("time", seconds, ABSENT if seconds is None else seconds_text(seconds))
    yield _number("latency", row["latency_ms"], latency_text(row["latency_ms"]))
    yield _number("size", row["size_bytes"], size_text(row["size_bytes"]))
    yield f'<td class="reason">{long_text(row["reason"] or "")}</td>'


def _interval(metric: str, row: Mapping[str, Any]) -> str:
    low, high = score_text(metric, row["low"]), score_text(metric, row["high"])
    return "" if ABSENT in {low, high} else f"95% interval {low} to {high}"


def _number(label: str, value: Any, text: str, title: str = "") -> str:
    number = finite(value)
    told = f' title="{escape(title)}"' if title else ""
    plain = "" if number is None else f' data-value="{number!r}"'
    return f'<td class="number" data-label="{escape(label)}"{plain}{told}>{escape(text)}</td>'


def _member(facts: Mapping[str, Any], member: Mapping[str, Any], weighted: bool) -> str:
    cells = [f'<td class="name">{escape(member["name"])}</td>']
    weight = finite(member.get("weight"))
    if weighted and weight is not None:
        bar = f'<span class="bar"><i style="width: {100 * min(1.0, max(0.0, weight)):.1f}%"></i></span>'
        cells.append(f'<td class="number" data-label="weight" data-value="{weight!r}">{weight:.3f}{bar}</td>')
    elif weighted:
        cells.append(_number("weight", None, ABSENT))
    cells.append(
        _number(facts["primary_metric"], member["score"], score_text(facts["primary_metric"], member["score"]))
    )
    cells.append(f"<td><code>{escape(member['run_id'] or ABSENT)}</code></td>")
    return f"<tr>{''.join(cells)}</tr>"


def _plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="small"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'


def _check(check: Mapping[str, Any]) -> str:
    advice = check.get("friendly_learn_more")
    more = f" <em>{escape(advice)}</em>" if advice else ""
    result = escape(check["result"])
    return (
        f'<li><span class="result {result}">{result}</span><div><b>{escape(check["friendly_type"])}</b> '
        f"{escape(check['friendly_result'])}{more}</div></li>"
    )
