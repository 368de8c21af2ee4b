"""Commands about the whole: `pipeline`, `status`, `doctor`, `lineage`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, print_table, print_text, say, suggest


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    app.command(epilog=example("pigeonhole pipeline recipes/mnist-5k.yml"))(pipeline)
    app.command(epilog=example("pigeonhole status"))(status)
    app.command(epilog=example("pigeonhole doctor"))(doctor)
    app.command(epilog=example("pigeonhole lineage digits@champion"))(lineage)


def pipeline(
    file: Annotated[Path, typer.Argument(help="A YAML file with type: pipeline.")],
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Run a recipe stage by stage. Run again, it goes on where it stopped and does no finished stage twice."""
    from pigeonhole.cli.training import Epochs
    from pigeonhole.workflows.pipeline import pipeline as run

    outcome = run(file, workspace=workspace, note=say, view=Epochs())
    facts = outcome.to_dict()
    if json:
        print_json(facts)
    else:
        print_table(
            ["stage", "result", "", "seconds"],
            [
                [stage["stage"], stage["artifact"], "reused" if stage["reused"] else "done", f"{stage['seconds']:.1f}"]
                for stage in facts["stages"]
            ],
            "the recipe has no stages",
        )
    suggest("pigeonhole status")


def status(json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Say what this workspace holds, what runs, what needs attention, and the next command."""
    from pigeonhole.workflows.status import status as run

    facts = run(workspace=workspace).to_dict()
    if json:
        print_json(facts)
        return
    holds = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in facts["holds"].items())
    print_facts(
        f"workspace {facts['workspace']}",
        {
            "holds": holds,
            "running": "\n".join(facts["running"]) or "nothing",
            "attention": "\n".join(facts["attention"]) or "nothing",
        },
    )
    suggest(facts["next"])


def doctor(json: Json = False) -> None:
    """Say what is installed, what is missing, and the line that installs it."""
    from pigeonhole.workflows.doctor import doctor as run

    report = run()
    facts = report.to_dict()
    if json:
        print_json(facts)
        return
    print_facts(f"pigeonhole {facts['version']}", facts["system"])
    print_table(
        ["part", "what for", "package", "installed", "wanted"],
        [[row["extra"], row["purpose"], row["package"], row["installed"], row["wanted"]] for row in facts["packages"]],
        "",
    )
    if facts["install"]:
        print_text("missing parts are installed by:\n" + "\n".join(f"  {line}" for line in facts["install"]))
    else:
        print_text("nothing is missing")


def lineage(
    artifact: Annotated[str, typer.Argument(help="A model (digits@champion), an endpoint, a run, or a dataset.")],
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Walk from an artifact back to the images it came from."""
    from pigeonhole.workflows.lineage import lineage as run

    steps = [step.to_dict() for step in run(artifact, workspace=workspace)]
    if json:
        print_json(steps)
    else:
        print_text("\n".join(_step(depth, step) for depth, step in zip(depths(steps), steps, strict=True)))


def depths(steps: Sequence[Mapping[str, Any]]) -> list[int]:
    """How far each is from the first: one step more than the one before, but members of an ensemble stand alike."""
    found: list[int] = []
    of_members: dict[str, int] = {}
    for step in steps:
        deeper = found[-1] + 1 if found else 0
        found.append(of_members.setdefault(step["member_of"], deeper) if step["member_of"] else deeper)
    return found


def _step(depth: int, step: dict[str, Any]) -> str:
    arrow = "" if depth == 0 else "  " * (depth - 1) + "└─ "
    return f"{arrow}{step['kind']} {step['name']}  {step['facts']}".rstrip()
