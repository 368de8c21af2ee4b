"""`automl`: shows the leaderboard while the search runs, prints it in the end, and names the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pigeonhole.cli.age import COMMAND
from pigeonhole.cli.automl_table import LeaderboardTable, print_leaderboard
from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_json, say, suggest

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
    from pigeonhole.workflows.automl.request import automl as run

    view = View()
    try:
        with view:
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
                view=view,
                age_s=COMMAND.seconds,
            )
    except KeyboardInterrupt:  # the second one: the first ends the search with its best
        view.say_best()
        raise
    facts = outcome.to_dict()
    if json:
        print_json(facts)
    else:
        print_leaderboard(facts)
    for note in outcome.notes:
        if note not in view.told:
            say(f"note: {note}")
    suggest(f"pigeonhole evaluate {outcome.run_id} && pigeonhole register {outcome.run_id} --as NAME")
    return INTERRUPTED if outcome.status == CANCELED else 0


class View(LeaderboardTable):
    """The leaderboard while the search runs.

    Attributes:
        told: what was said of the settings.
    """

    told: tuple[str, ...] = ()

    def on_start(self, facts: Mapping[str, Any]) -> None:
        """Says what is searched, and keeps what was said of the settings."""
        super().on_start(facts)
        self.told = tuple(facts["notes"])

    def on_note(self, text: str) -> None:
        """Says what is being done now."""
        self.on_phase(text)
