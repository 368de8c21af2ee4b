"""`endpoints export-log`: what an endpoint answered, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, suggest


def add_to(endpoints: typer.Typer) -> None:
    """Adds this file's command to the noun."""
    endpoints.command("export-log", epilog=example("pigeonhole endpoints export-log digits --to collected"))(export_log)


def export_log(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")],
    to: Annotated[Path, typer.Option(help="The folder to write to.")],
    window: Annotated[str, typer.Option(help="How far back to look: 90s, 20m, 2h, or all.")] = "all",
    images: Annotated[bool, typer.Option("--images/--no-images", help="Write the images too.")] = True,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Write an endpoint's prediction log as Azure ML's data collector writes it: JSON lines by hour."""
    from pigeonhole.workflows.export_log import export_log as run

    done = run(endpoint, to=to, window=window, images=images, workspace=workspace)
    if json:
        print_json(done.to_dict())
        return
    print_facts(
        str(done.folder),
        {
            "requests": f"{done.requests:,} with {done.images:,} images",
            "labelled": f"{done.labelled:,} requests with feedback",
            "without image": f"{done.without_image:,} images that the log does not have"
            if done.without_image
            else None,
            "refused": f"{done.refused:,} requests, which have no line" if done.refused else None,
        },
    )
    suggest(f"pigeonhole monitor {endpoint}")
