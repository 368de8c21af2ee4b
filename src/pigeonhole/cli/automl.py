"""`automl`: shows the leaderboard while the search runs, prints it in the end, and names the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, print_table, say, size, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pigeonhole.automl.leaderboard import LeaderboardRow

CANCELED, INTERRUPTED = "Canceled", 130

SpecSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key of the spec, such as choose.max_latency_ms=1. Repeatable."),
]
Algorithms = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES", help="Only these: Azure ML's names, presets, or networks; commas between. Repeatable."
    ),
]
Blocked = Annotated[list[str] | None, typer.Option(metavar="NAMES", help="Not these. Repeatable.")]


def add_to(app: typer.Typer) -> None:
    """Adds this file's command to the program."""
    app.command(epilog=example("pigeonhole automl digits --budget 10s"))(automl)


def automl(
    asked: Annotated[
        str, typer.Argument(metavar="DATASET|FILE", help="A dataset, or a YAML file with `type: automl`.")
    ],
    budget: Annotated[str | None, typer.Option(help="Time for everything: 90s, 20m, 2h. Default: 20m.")] = None,
    metric: Annotated[str | None, typer.Option(help="The primary metric, one of Azure ML's five.")] = None,
    folds: Annotated[str | None, typer.Option(help="Cross-validate: a number, or auto. Default: hold out.")] = None,
    allow: Algorithms = None,
    block: Blocked = None,
    seed: Annotated[int | None, typer.Option(help="From which all randomness follows. Default: 0.", min=0)] = None,
    settings: SpecSettings = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> int:
    """Search for the best model within a budget. The same line again goes on with a search that was interrupted."""
    from pigeonhole.workflows.automl_request import automl as run

    outcome = run(
        asked,
        budget=budget,
        metric=metric,
        folds=folds,
        allow=allow or (),
        block=block or (),
        seed=seed,
        settings=settings or (),
        workspace=workspace,
        view=Told(),
    )
    facts = outcome.to_dict()
    if json:
        print_json(facts)
    else:
        print_outcome(facts)
    suggest(f"pigeonhole evaluate {outcome.run_id} && pigeonhole register {outcome.run_id} --as NAME")
    return INTERRUPTED if outcome.status == CANCELED else 0


class Told:
    """A view of a search: a line on stderr at the start, for each better model, and for what is being done."""

    def __init__(self) -> None:
        self._metric = ""
        self._best: float | None = None

    def on_start(self, facts: dict[str, Any]) -> None:
        """Says what is to be searched, and what the settings' reader should know."""
        self._metric = facts["primary_metric"]
        how = f"{facts['folds']} folds" if facts["folds"] else "the validation split"
        spent = f", {facts['consumed_s']:.0f} of them spent before" if facts["consumed_s"] else ""
        say(
            f"search {facts['search']}: {facts['candidates']} candidates on {facts['dataset']}, {self._metric} on {how}"
            f", {facts['budget_s']:,.0f} s{spent}, {facts['concurrent']} at a time"
        )
        for note in facts["notes"]:
            say(f"note: {note}")

    def on_rows(self, rows: Sequence[LeaderboardRow], left_s: float) -> None:
        """Says a better model when there is one."""
        best = next((row for row in rows if row.state == "ok" and row.score is not None), None)
        if best is not None and best.score is not None and (self._best is None or best.score > self._best):
            self._best = best.score
            say(f"{left_s:,.0f} s left  {best.name}  {self._metric} {best.score:.2%} on {best.images or 0:,} images")

    def on_note(self, text: str) -> None:
        """Says what is being done now."""
        say(text)


def print_outcome(facts: dict[str, Any]) -> None:
    """The leaderboard, and what became of the search."""
    print_table(
        ["model", "state", facts["primary_metric"], "±", "images", "seconds", "latency ms", "size", "run", "reason"],
        [_row(row) for row in facts["leaderboard"]],
        "",
    )
    best = facts["best"]
    print_facts(
        f"search {facts['search']}",
        {
            "status": facts["status"],
            "best": best["name"],
            facts["primary_metric"]: _score(best),
            "run": facts["run_id"],
            **{key: _members(ensemble) for key, ensemble in facts["ensembles"].items()},
            "candidates": ", ".join(f"{count} {state}" for state, count in facts["counts"].items()),
            "seconds": f"{facts['seconds']:,.1f} of {facts['budget_s']:,.0f}",
            "report": facts["report"],
            "folder": facts["folder"],
        },
    )
    for note in facts["notes"]:
        say(f"note: {note}")


def _row(row: dict[str, Any]) -> list[Any]:
    return [
        row["name"],
        row["state"],
        "" if row["score"] is None else f"{row['score']:.2%}",
        _half(row),
        "" if row["images"] is None else f"{row['images']:,}",
        f"{row['seconds']:.1f}",
        "" if row["latency_ms"] is None else f"{row['latency_ms']:.2f}",
        "" if row["size_bytes"] is None else size(row["size_bytes"]),
        row["run_id"],
        row["reason"],
    ]


def _half(row: dict[str, Any]) -> str:
    return "" if None in (row["low"], row["high"]) else f"{(row['high'] - row['low']) / 2:.2%}"


def _score(row: dict[str, Any]) -> str:
    between = "" if None in (row["low"], row["high"]) else f" (95% interval {100 * row['low']:.2f}–{row['high']:.2%})"
    return f"{row['score']:.2%}{between}"


def _members(ensemble: dict[str, Any]) -> str:
    """`0.60 cnn-best, 0.40 PCA, SVM`, one a line."""
    lines = []
    for member in ensemble["members"]:
        weight = member.get("weight")
        lines.append(f"{'' if weight is None else f'{weight:.2f} × '}{member['name']}")
    return "\n".join(lines)
