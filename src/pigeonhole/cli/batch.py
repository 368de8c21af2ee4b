"""`batch`: a model over a whole place of images."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.endpoints import ModelOrBundle
from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, say, size, suggest


class Format(StrEnum):
    """What `batch` writes."""

    parquet = "parquet"
    csv = "csv"
    append_row = "append_row"
    kaggle = "kaggle"


def add_to(app: typer.Typer) -> None:
    """Adds this file's command to the program."""
    app.command(
        epilog=example(
            "pigeonhole batch digits@champion mnist-5k --out predictions.parquet",
            "pigeonhole batch digits@champion test.csv --out submission.csv --format kaggle",
        )
    )(batch)


def batch(
    model: ModelOrBundle,
    source: Annotated[
        str,
        typer.Argument(
            help="mnist, mnist-5k, or a path: IDX, .npy, .npz, CSV, Parquet, zip, an image, or a folder of images."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file of predictions to write.")],
    format: Annotated[  # noqa: A002 - the option's name
        Format | None, typer.Option(help="What to write. Default: by the ending of the file's name.")
    ] = None,
    mini_batch_size: Annotated[
        int, typer.Option(help="Images that are read, predicted and recorded together.", min=1)
    ] = 256,
    max_concurrency: Annotated[
        int | None, typer.Option(help="Mini-batches at once. Default: one a core.", min=1)
    ] = None,
    max_retries: Annotated[int, typer.Option(help="Tries after an error that may pass.", min=0)] = 3,
    error_threshold: Annotated[
        int, typer.Option(help="Images that may fail before the job is given up; -1 for any number.", min=-1)
    ] = -1,
    invert: Annotated[bool, typer.Option("--invert", help="Swap dark and light first.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="shape=28x28, label=COLUMN, images=ARRAY_OR_COLUMN, separator=' ', replace=true. Repeatable.",
        ),
    ] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Predict every image of a source into one file. The same line again goes on after an interruption."""
    from pigeonhole.core.progress import bar
    from pigeonhole.core.spec import parse_settings
    from pigeonhole.workflows.batch import batch as run

    options: dict[str, Any] = {
        "mini_batch_size": mini_batch_size,
        "max_concurrency": max_concurrency,
        "max_retries": max_retries,
        "error_threshold": error_threshold,
        "invert": invert,
        "format": format.value if format else None,
        **parse_settings(settings or []),
    }
    with bar(f"predicting {source}") as progress:
        result = run(model, source, out=out, options=options, workspace=workspace, progress=progress)
    facts = result.to_dict()
    if json:
        print_json(facts)
    else:
        _print(facts)
    _say_failures(facts)
    suggest(f"pigeonhole deploy {model} --endpoint NAME")


def _print(facts: dict[str, Any]) -> None:
    done = "the same job is already done" if facts["reused"] else f"{facts['images_per_s']:,.0f} images/s"
    print_facts(
        f"{facts['out']}  {done}",
        {
            "images": f"{facts['images']:,} of {facts['title']}",
            "predicted": f"{facts['predicted']:,}",
            "failed": f"{facts['failed']:,}, all named in {facts['failures_file']}" if facts["failed"] else None,
            "resumed": f"after {facts['resumed_at']:,} images" if facts["resumed_at"] else None,
            "labels": ", ".join(f"{name} {count:,}" for name, count in facts["labels"].items()),
            "model": facts["model"],
            "format": f"{facts['format']}, {size(facts['size_bytes'])}",
        },
    )


def _say_failures(facts: dict[str, Any]) -> None:
    from pigeonhole.core.errors import listing

    if facts["failed"]:
        lines = [f"{item['image']}: {item['error']}" for item in facts["failures"]]
        say(f"{facts['failed']:,} images failed\n{listing(lines, facts['failed'])}")
    if facts["warned"]:
        say(f"{facts['warned']:,} images came with a warning\n{listing(list(facts['warnings']), facts['warned'])}")
