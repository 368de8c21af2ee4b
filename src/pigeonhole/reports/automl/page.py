"""The page of an AutoML search: what was found, how it was found, and what was not tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from pigeonhole.reports import style
from pigeonhole.reports.automl.history import history_finding
from pigeonhole.reports.automl.latency import latency_finding
from pigeonhole.reports.automl.shown import STATES, latency_text, score_text, size_text, uncertain
from pigeonhole.reports.automl.tables import (
    ensemble_table,
    front_table,
    guardrails_list,
    improvements_table,
    leaderboard_table,
    notes_list,
)
from pigeonhole.reports.page import chart_place, document, facts_list, state_colours, tiles
from pigeonhole.reports.sweep.shown import ABSENT, finite, seconds_text

_STYLE = f"""
section > h2 + p {{ margin: -6px 0 10px; color: #555; }}
section.chart > div {{ width: 100%; }}
.tile b {{ white-space: nowrap; }}
td small {{ display: block; color: #6B6B6B; font-weight: 400; }}
td small code {{ font-size: 11.5px; }}
td.name {{ min-width: 170px; }}
td.number[title] {{ cursor: help; }}
th.number {{ text-align: right; }}
table.small, table.members {{ width: auto; min-width: 50%; }}
table.small th {{ cursor: default; }}
table.small td {{ font-variant-numeric: tabular-nums; }}
.bar {{ display: inline-block; width: 90px; height: 9px; margin-left: 8px; background: #EEE; }}
.bar i {{ display: block; height: 100%; background: {style.BLUE}; }}
.checks {{ list-style: none; margin: 0; padding: 0; }}
.checks li {{ display: flex; gap: 12px; padding: 6px 0; border-top: 1px solid #EEE; align-items: baseline; }}
.checks li:first-child {{ border-top: 0; }}
.checks em {{ color: #555; }}
.result {{ flex: none; width: 66px; text-align: center; border-radius: 4px; font-size: 12px; color: #FFF; }}
.passed {{ background: {style.GREEN}; }}
.alerted {{ background: {style.ORANGE}; }}
.done {{ background: {style.BLUE}; }}
section ul {{ margin: 0; padding-left: 20px; }}
section ul.checks {{ padding: 0; }}
section dl + ul {{ margin-top: 12px; }}
h3 {{ font-size: 14px; margin: 14px 0 2px; }}
h3 + p {{ margin: 0 0 6px; color: #555; }}
@media (max-width: 640px) {{
  main {{ padding: 18px 12px 40px; }}
  h1 {{ font-size: 20px; }}
  .tile {{ flex: 1 1 40%; padding: 8px 12px; }}
  .scroll {{ max-height: none; }}
  .stacked, .stacked tbody {{ display: block; }}
  .stacked thead {{ display: none; }}
  .stacked tr {{ display: flex; flex-wrap: wrap; gap: 0 14px; padding: 8px 4px; border-bottom: 1px solid #DDD; }}
  .stacked tr.best {{ background: #E9F6F1; }}
  .stacked td, .stacked td.reason {{ display: block; border: 0; padding: 0; min-width: 0; text-align: left; }}
  .stacked tr.best td {{ background: none; }}
  .stacked td.name {{ flex: 1 1 45%; font-weight: 600; }}
  .stacked td.reason {{ flex: 1 1 100%; color: #555; }}
  .stacked td.reason:empty {{ display: none; }}
  .stacked td.number::before {{ content: attr(data-label) " "; color: #6B6B6B; font-weight: 400; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }}
  dd {{ margin-bottom: 6px; }}
}}
"""


def render(facts: Mapping[str, Any], charts: Mapping[str, Mapping[str, Any]]) -> str:
    """The page.

    Args:
        facts: of the search.
        charts: Vega-Lite by name, of those that can be drawn.
    """
    parts = [
        _head(facts),
        tiles(_figures(facts)),
        _history(facts, charts),
        _leaderboard(facts),
        _latency(facts, charts),
        _ensembles(facts),
        _guardrails(facts),
        _settings(facts),
    ]
    return document(f"AutoML {facts['search']}", "\n".join(parts), _STYLE + state_colours(STATES))


def _head(facts: Mapping[str, Any]) -> str:
    best = facts["best"]
    named = (
        f"{score_text(facts['primary_metric'], best['score'])} {facts['primary_metric']} with {best['name']}"
        if best
        else ""
    )
    counts = ", ".join(f"{count} {state}" for state, count in facts["counts"].items() if count) or "none"
    folds = (facts.get("settings") or {}).get("folds")
    scored = f"scored in {folds} folds" if folds else "scored on validation"
    told = (
        f"On {facts['dataset']}, {scored}; the test split was not looked at. The best is chosen by the score that is"
        " shown for it, which flatters it a little: pigeonhole evaluate gives an independent one."
        f" Candidates: {counts}."
    )
    headline = escape(named or "No candidate has a score")
    return f"<header><p>automl {escape(facts['search'])}</p><h1>{headline}</h1><p>{escape(told)}</p></header>"


def _figures(facts: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    best = facts["best"] or {"score": None}
    seconds, budget = finite(facts["seconds"]), finite(facts["budget_s"])
    of_budget = f"of {seconds_text(budget)} budget, {facts['status']}" if budget is not None else facts["status"]
    return [
        (uncertain(facts["primary_metric"], best), f"best {facts['primary_metric']}, with 95% interval"),
        (None if seconds is None else seconds_text(seconds), of_budget),
        (str(len(facts["leaderboard"])), "candidates"),
        (latency_text(best.get("latency_ms")), "an image, the best"),
        (size_text(best.get("size_bytes")), "its bundle"),
    ]


def _section(heading: str, told: str, content: str, kind: str = "") -> str:
    says = f"<p>{escape(told)}</p>" if told else ""
    return f'<section class="{kind}"><h2>{escape(heading)}</h2>{says}{content}</section>'


def _history(facts: Mapping[str, Any], charts: Mapping[str, Mapping[str, Any]]) -> str:
    if "history" not in charts:
        return _section("Best score over time", "No score was recorded with its time.", "")
    told = (
        f"{history_finding(facts)}. Green: the best so far; grey: other scores, of samples too; dashed: the budget. "
        "The axis widens towards a perfect score: each step has about half the errors."
    )
    steps = f"<details><summary>When the best changed</summary>{improvements_table(facts)}</details>"
    return _section("Best score over time", told, chart_place("history", charts["history"]) + steps, "chart")


def _leaderboard(facts: Mapping[str, Any]) -> str:
    told = f"Best first, by {facts['primary_metric']}, ± half of its 95% interval. {ABSENT}: not known or not measured."
    return _section("Leaderboard", told, f'<div class="scroll">{leaderboard_table(facts)}</div>')


def _latency(facts: Mapping[str, Any], charts: Mapping[str, Mapping[str, Any]]) -> str:
    if "latency" not in charts:
        return _section("Score against latency", "No candidate has both a score and a measured latency.", "")
    told = f"{latency_finding(facts)} (blue, with the place in the leaderboard). Only what was exported has a latency."
    content = chart_place("latency", charts["latency"]) + front_table(facts)
    return _section("Score against latency", told, content, "chart")


def _ensembles(facts: Mapping[str, Any]) -> str:
    made = [_ensemble(facts, candidate, ensemble) for candidate, ensemble in facts["ensembles"].items()]
    return _section("Ensembles", "" if made else "None was made.", "".join(made))


def _ensemble(facts: Mapping[str, Any], candidate: str, ensemble: Mapping[str, Any]) -> str:
    names = {row["candidate"]: row["name"] for row in facts["leaderboard"]}
    metric = facts["primary_metric"]
    alone = score_text(metric, ensemble.get("best_individual_score"))
    own = finite(ensemble.get("score"))
    reached = "No score of its own" if own is None else f"{score_text(metric, own)} {metric}"
    told = f"{reached}; the best single candidate {alone}"
    if any(member.get("weight") is not None for member in ensemble["members"]):
        told += ". Its members and weights were chosen on the images that it is scored on"
    heading = f"<h3>{escape(names.get(candidate, candidate))}</h3><p>{escape(told)}</p>"
    return heading + ensemble_table(facts, ensemble)


def _guardrails(facts: Mapping[str, Any]) -> str:
    told = "What was looked at in the data." if facts["guardrails"] else "None was recorded."
    return _section("Guardrails", told, guardrails_list(facts["guardrails"]))


def _settings(facts: Mapping[str, Any]) -> str:
    shown = {key: _text(value) for key, value in (facts.get("settings") or {}).items()}
    listed = facts_list({**shown, "folder": str(facts["folder"])})
    notes = notes_list(facts["notes"]) if facts["notes"] else ""
    return _section("Settings and notes", "", listed + notes)


def _text(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, set | frozenset | list | tuple):
        return ", ".join(sorted(map(str, value))) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
