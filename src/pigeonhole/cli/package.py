"""`package`: a model leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pigeonhole.cli.options import Json, WorkspaceFolder, example
from pigeonhole.cli.output import print_facts, print_json, size, suggest


def add_to(app: typer.Typer) -> None:
    """Adds this file's command to the program."""
    app.command(epilog=example("pigeonhole package digits@champion --to digits-package"))(package)


def package(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model (digits@champion, digits:3), or the folder of a bundle.")
    ],
    to: Annotated[Path, typer.Option(help="The folder to write; absent, or empty.")],
    name: Annotated[str | None, typer.Option(help="The name on a cluster. Default: the model's.")] = None,
    image: Annotated[str | None, typer.Option(help="The image that the manifests name. Default: NAME:VERSION.")] = None,
    cpu: Annotated[float, typer.Option(help="Processor cores asked for on a cluster.")] = 1.0,
    memory: Annotated[float, typer.Option(help="Memory asked for and allowed on a cluster, in GiB.")] = 1.0,
    replicas: Annotated[str, typer.Option(help="The fewest and the most processes on a cluster, MIN:MAX.")] = "1:4",
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Write a folder that serves a model elsewhere: pip, Docker, Kubernetes or KServe."""
    from pigeonhole.workflows.package import package as run

    made = run(
        model,
        to=to,
        name=name,
        image=image,
        cpu=cpu,
        memory_gib=memory,
        replicas=replicas,
        workspace=workspace,
    )
    if json:
        print_json(made.to_dict())
    else:
        print_facts(
            f"package {made.model}  {'written' if made.written else 'unchanged'}",
            {
                "folder": made.folder,
                "size": f"{size(made.size_bytes)} in {len(made.files)} files",
                "bundle": made.bundle_sha256,
                "image": f"{made.image} (named, not built)",
                "manifests": "kubernetes/, kserve/ (not applied to a cluster)",
                "runs there by": "\n".join(made.commands),
            },
        )
    suggest(f"docker build --tag {made.image} {made.folder}")
