"""`sweep`: reads the spec, shows the trials while they run, prints the best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, print_table, say, suggest
from pigeonhole.cli.trial_table import TrialTable, figure, plain, values_text

SpecSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key of the spec, such as limits.timeout=600. Repeatable."),
]


def add_to(app: typer.Typer) -> None:
    """Adds this file's command to the program."""
    app.command(epilog=example("pigeonhole sweep recipes/sweep-mnist-5k.yml"))(sweep)


def sweep(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML file with `type: sweep`.")],
    settings: SpecSettings = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Search for good values of a model's parameters. The same line again goes on with an interrupted sweep."""
    from pigeonhole.workflows.sweep import read
    from pigeonhole.workflows.sweep import sweep as run

    table = TrialTable()
    try:
        with table:
            outcome = run(read(spec, settings or []), workspace=workspace, view=table)
    except KeyboardInterrupt:
        table.say_best()
        raise
    facts = outcome.to_dict()
    if json:
        print_json(facts)
    else:
        _print_outcome(facts)
    if outcome.run_id is not None:
        suggest(f"pigeonhole evaluate {outcome.run_id} && pigeonhole register {outcome.run_id} --as NAME")


def _print_outcome(facts: dict[str, Any]) -> None:
    best, saved = facts["best"], facts["seconds_saved"]
    objectives = list(zip(facts["metrics"], best["objectives"], strict=True))
    kept = [(metric, best["metrics"].get(metric), value) for metric, value in objectives]
    print_table(
        ["trial", "state", *facts["metrics"], "intervals", "seconds", "values", "run"],
        [_row(trial, len(facts["metrics"])) for trial in facts["trials"]],
        "",
    )
    counts = ", ".join(f"{count} {state}" for state, count in facts["counts"].items())
    print_facts(
        f"sweep {facts['sweep']}",
        {
            "status": facts["status"],
            "trials": counts,
            "best trial": best["number"],
            **{metric: figure(metric, value) for metric, value in objectives},
            # The best of all epochs decides, as on Azure ML; the run may keep another.
            **{f"{metric} of its run": figure(metric, own) for metric, own, value in kept if own not in {None, value}},
            "values": values_text(best["values"]),
            "run": best["run_id"],
            "front": ", ".join(str(trial["number"]) for trial in facts["trials"] if trial["on_front"]) or None,
            "seconds": f"{facts['seconds']:,.1f}",
            "saved by stopping": None if saved is None else f"about {saved:,.0f} s",
            "report": facts["report"],
            "folder": facts["folder"],
        },
    )
    for trial in facts["trials"]:
        if trial["state"] == "Failed":
            say(f"trial {trial['number']} failed: {trial['reason']}")


def _row(trial: dict[str, Any], objectives: int) -> list[Any]:
    values = trial["objectives"] or [None] * objectives
    return [
        trial["number"],
        trial["state"] + ("*" if trial["on_front"] else ""),
        *("" if value is None else plain(value) for value in values),
        len(trial["reports"]) or "",
        f"{trial['seconds']:.1f}",
        values_text(trial["values"]),
        trial["run_id"],
    ]
