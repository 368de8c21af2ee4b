"""`ingest`, and the noun `data`: look at dataset versions and tidy them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, Seed, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, print_table, print_text, size, suggest

Ref = Annotated[str, typer.Argument(help="A dataset: NAME (its newest version) or NAME:VERSION.")]
data = typer.Typer(help="Look at dataset versions and tidy them.", no_args_is_help=True)


class ExportFormat(StrEnum):
    """What `data export` writes."""

    npz = "npz"
    parquet = "parquet"
    csv = "csv"
    folder = "folder"


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    app.command(epilog=example("pigeonhole ingest mnist-5k --name digits"))(ingest)
    data.command("list", epilog=example("pigeonhole data list"))(list_)
    data.command(
        "show",
        epilog=example("pigeonhole data show digits", "pigeonhole data show digits --sample 1200"),
    )(show)
    data.command(epilog=example("pigeonhole data diff digits:1 digits:2"))(diff)
    data.command(epilog=example("pigeonhole data export digits --to digits.npz --format npz"))(export)
    data.command("rm", epilog=example("pigeonhole data rm digits:2"))(remove)
    app.add_typer(data, name="data")


def ingest(
    source: Annotated[
        str, typer.Argument(help="mnist, mnist-5k, or a path: an IDX pair, a Kaggle CSV, a folder of images.")
    ],
    name: Annotated[str, typer.Option(help="What to call the dataset.")],
    test: Annotated[
        float | None,
        typer.Option(
            help="Share to lock away as test split; 0 for none. Default: the source's own, else 0.1.", min=0, max=0.9
        ),
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the rest kept for validation.", min=0, max=0.9)] = 0.1,
    groups: Annotated[
        list[Path] | None, typer.Option(help="A CSV with a row an image, for --group-by. Repeatable.")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="The column of --groups whose equal values stay in one split.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The label column of a CSV. Default: label.")] = None,
    classes: Annotated[str | None, typer.Option(help="Class names for numbered labels, separated by commas.")] = None,
    shape: Annotated[
        str | None, typer.Option(help="HxW or HxWxC of a CSV's images, where its header does not tell.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Read labelled images and keep them as a dataset version, checked, hashed and split."""
    from pigeonhole.core.progress import bar
    from pigeonhole.workflows.ingest import ingest as run

    with bar(f"ingesting {source}") as progress:
        result = run(
            source,
            name=name,
            test=test,
            validation=validation,
            groups=groups,
            group_by=group_by,
            label=label,
            classes=[name.strip() for name in classes.split(",")] if classes else None,
            shape=parse_shape(shape),
            seed=seed,
            workspace=workspace,
            progress=progress,
        )
    facts = result.to_dict()
    if json:
        print_json(facts)
    else:
        made = "the same content is already here" if result.reused else "made"
        print_facts(f"{facts['dataset']}  {made}", _facts(facts))
    suggest(f"pigeonhole train {facts['dataset']} --model cnn")


def parse_shape(text: str | None) -> tuple[int, int, int] | None:
    """`28x28` → (28, 28, 1); `None` stays `None`."""
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) not in {2, 3} or not all(part.isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r}; accepted: HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, such as 28x28")
    height, width, channels = (*map(int, parts), 1)[:3]
    return height, width, channels


def list_(json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """List the datasets and their versions."""
    from pigeonhole.workflows.datasets import list_datasets

    rows = [summary.to_dict() for summary in list_datasets(workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["dataset", "images", "shape", "classes", "train", "validation", "test", "size", "made"],
        [
            [
                row["dataset"],
                row["images"],
                "×".join(map(str, row["shape"])),
                row["classes"],
                row["splits"].get("train", 0),
                row["splits"].get("validation", 0),
                row["splits"].get("test", 0),
                size(row["size_bytes"]),
                row["created_at"][:16].replace("T", " "),
            ]
            for row in rows
        ],
        "no datasets yet; begin with: pigeonhole ingest mnist-5k --name digits",
    )


class Scale(StrEnum):
    """How `data show --request` writes pixel values."""

    bytes_ = "0-255"
    unit = "0-1"


def show(
    ref: Ref,
    sample: Annotated[int | None, typer.Option(help="Draw this image (its row number).", min=0)] = None,
    request: Annotated[bool, typer.Option("--request", help="With --sample: the JSON body to POST to /score.")] = False,
    scale: Annotated[Scale, typer.Option(help="The scale of the numbers in --request.")] = Scale.bytes_,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Show a dataset version, or one of its images as a drawing or as a request body."""
    from pigeonhole.core.errors import UsageError
    from pigeonhole.workflows import datasets

    if request and sample is None:
        raise UsageError("--request without --sample", "both together", "add --sample ROW")
    if sample is None:
        facts = datasets.dataset(ref, workspace=workspace).to_dict()
        if json:
            print_json(facts)
        else:
            print_facts(facts["dataset"], _facts(facts))
        return
    shown = datasets.sample(ref, sample, scale=scale.value, workspace=workspace)
    if request:
        print_text(shown.request)
    elif json:
        print_json(shown.to_dict())
    else:
        print_text(f"{shown.drawing}\n{shown.title}")


def diff(old: Ref, new: Ref, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Say what differs between two dataset versions: images, labels, splits, classes."""
    from pigeonhole.workflows.datasets import diff as run

    facts = run(old, new, workspace=workspace).to_dict()
    if json:
        print_json(facts)
    else:
        print_facts(f"{old} → {new}", facts)


def export(
    ref: Ref,
    to: Annotated[Path, typer.Option(help="The file or folder to write.")],
    format: Annotated[ExportFormat, typer.Option(help="What to write.")] = ExportFormat.npz,  # noqa: A002 - the option's name
    split: Annotated[str | None, typer.Option(help="Only this split: train, validation or test.")] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Write a dataset version as npz, Parquet, Kaggle CSV or a folder of PNG files."""
    from pigeonhole.workflows.datasets import export as run

    path = run(ref, to=to, format=format.value, split=split, workspace=workspace)
    if json:
        print_json({"path": str(path)})
    else:
        print_text(str(path))


def remove(ref: Ref, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Remove a dataset version; refused while a run or a model still needs it."""
    from pigeonhole.workflows.datasets import remove as run

    removed = run(ref, workspace=workspace)
    if json:
        print_json({"removed": removed})
    else:
        print_text(f"removed {removed}")


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "images": f"{facts['images']:,} of {'×'.join(map(str, facts['shape']))} (height × width × channels)",
        "classes": ", ".join(facts["class_names"]),
        "splits": ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items()),
        "groups": facts.get("groups"),
        "source": facts.get("source"),
        "looks at test": facts.get("test_looks"),
        "warnings": "; ".join(facts.get("warnings") or ()) or None,
        "sha256": facts["sha256"],
        "folder": facts.get("folder"),
    }
