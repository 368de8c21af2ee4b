"""`register`, and the noun `models`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import percent, print_facts, print_json, print_table, print_text, size, suggest

ModelRef = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model: NAME, NAME:VERSION or NAME@ALIAS (champion, challenger).")
]
FILE = "an ONNX file, which has no evaluation"
FOLDER = "a script, of which only its own code knows anything"
RUN = "a run, which knows this itself"
models = typer.Typer(help="Look at registered models, promote and tidy them.", no_args_is_help=True)


class Scale(StrEnum):
    """The range of brightness that a model made elsewhere wants."""

    unit = "0-1"
    bytes_ = "0-255"


class Layout(StrEnum):
    """The order of axes in a model made elsewhere."""

    channels_last = "NHWC"
    channels_first = "NCHW"
    flat = "flat"


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    app.command(epilog=example("pigeonhole register latest --as digits"))(register)
    models.command("list", epilog=example("pigeonhole models list"))(list_)
    models.command("show", epilog=example("pigeonhole models show digits@champion"))(show)
    models.command("compare", epilog=example("pigeonhole models compare digits:1 digits:2"))(compare)
    models.command("promote", epilog=example("pigeonhole models promote digits:2"))(promote)
    models.command("rm", epilog=example("pigeonhole models rm digits:1"))(remove)
    app.add_typer(models, name="models")


def register(
    run_ref: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE.onnx|FOLDER", help="A run (or latest), an ONNX file, or a folder with a score.py."
        ),
    ],
    name: Annotated[str, typer.Option("--as", help="The model's name in the registry.")],
    min_accuracy: Annotated[
        float | None, typer.Option(help="Refuse a run whose accuracy is below this.", min=0, max=1)
    ] = None,
    labels: Annotated[str | None, typer.Option(help="For an ONNX file: its class names, separated by commas.")] = None,
    samples: Annotated[
        str | None, typer.Option(help="For an ONNX file: images such as it was made for, a dataset or a folder.")
    ] = None,
    scale: Annotated[Scale | None, typer.Option(help="For an ONNX file: the brightness range it wants.")] = None,
    layout: Annotated[Layout | None, typer.Option(help="For an ONNX file: the order of its input's axes.")] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Export an evaluated run to a bundle, verify it, and give it a version in the registry.

    A folder with a score.py that has init() and run(), as Azure ML's tutorials write it, is copied whole instead.
    """
    from pigeonhole.core.errors import UsageError
    from pigeonhole.workflows import register as workflow

    foreign = {"--labels": labels, "--samples": samples, "--scale": scale, "--layout": layout}
    kind = _kind(run_ref)
    _refuse_unfit(kind, {"--min-accuracy": min_accuracy}, foreign)
    if kind == FOLDER:
        version = workflow.register_script(run_ref, name=name, workspace=workspace)
    elif kind == FILE:
        if samples is None:
            raise UsageError(f"{run_ref} without sample images", "images that it was made for", "add --samples DATASET")
        version = workflow.register_onnx(
            Path(run_ref),
            name=name,
            labels=[label.strip() for label in labels.split(",")] if labels else None,
            samples=samples,
            scale=scale.value if scale else None,
            layout=layout.value if layout else None,
            workspace=workspace,
        )
    else:
        version = workflow.register(run_ref, name=name, min_accuracy=min_accuracy, workspace=workspace)
    facts = version.to_dict()
    if json:
        print_json(facts)
    else:
        print_facts(f"model {facts['ref']}", _facts(facts))
    alias = facts["aliases"][0] if facts["aliases"] else facts["version"]
    joint = "@" if facts["aliases"] else ":"
    suggest(f"pigeonhole deploy {name}{joint}{alias} --endpoint {name} --port 8080")


def _kind(ref: str) -> str:
    if ref.lower().endswith(".onnx"):
        return FILE
    return FOLDER if "/" in ref or (ref != "latest" and Path(ref).is_dir()) else RUN


def _refuse_unfit(kind: str, of_runs: dict[str, Any], of_files: dict[str, Any]) -> None:
    """Refuses options that say nothing about what is registered."""
    from pigeonhole.core.errors import UsageError

    unfit = {FILE: of_runs, RUN: of_files, FOLDER: of_runs | of_files}[kind]
    given = [option for option, value in unfit.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)} for {kind}", "the options that --help names for it", "leave it out")


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "script (score.py)" if facts["kind"] == "script" else None,
        "aliases": ", ".join(facts["aliases"]) or None,
        "run": facts["run_id"],
        "dataset": facts["dataset"],
        "accuracy": _accuracy(facts["metrics"]),
        "verified on": f"{facts['metrics']['verified_images']:,} images" if facts["metrics"] else None,
        "size": size(facts["size_bytes"]),
        facts["kind"]: facts["folder"],
        "MLflow": f"models:/{facts['name']}/{facts['version']}",
    }


def _accuracy(metrics: dict[str, Any]) -> str | None:
    return f"{percent(metrics['accuracy'])} ({metrics['split']})" if metrics else None


def list_(json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """List the registered models and their versions."""
    from pigeonhole.workflows.registry import list_models as run

    rows = [version.to_dict() for version in run(workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["model", "aliases", "accuracy", "run", "dataset", "size", "made"],
        [
            [
                row["ref"],
                ", ".join(row["aliases"]),
                _accuracy(row["metrics"]),
                row["run_id"],
                row["dataset"],
                size(row["size_bytes"]),
                row["created_at"][:16].replace("T", " "),
            ]
            for row in rows
        ],
        "no models yet; begin with: pigeonhole register RUN --as NAME",
    )


def show(ref: ModelRef, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Show a model version."""
    from pigeonhole.workflows.registry import model

    facts = model(ref, workspace=workspace).to_dict()
    if json:
        print_json(facts)
    else:
        print_facts(f"model {facts['ref']}", _facts(facts))


def compare(
    refs: Annotated[list[str], typer.Argument(metavar="MODEL MODEL…", help="Two model versions or more.")],
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Put model versions side by side, through the runs they came from."""
    from pigeonhole.cli.training import print_comparison
    from pigeonhole.workflows.registry import compare as run

    comparison = run(refs, workspace=workspace).to_dict()
    if json:
        print_json(comparison)
    else:
        print_comparison(comparison["runs"])


def promote(
    ref: ModelRef,
    alias: Annotated[str, typer.Option(help="The alias to move to this version.")] = "champion",
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Move the alias champion (or another) to a model version."""
    from pigeonhole.workflows.registry import promote as run

    facts = run(ref, alias=alias, workspace=workspace).to_dict()
    if json:
        print_json(facts)
    else:
        print_text(f"{facts['name']}@{alias} is now version {facts['version']}")
    suggest(f"pigeonhole deploy {facts['name']}@{alias} --endpoint {facts['name']} --port 8080")


def remove(ref: ModelRef, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Remove a model version; refused while an endpoint serves it."""
    from pigeonhole.workflows.registry import remove as run

    removed = run(ref, workspace=workspace)
    if json:
        print_json({"removed": removed})
    else:
        print_text(f"removed {removed}")
