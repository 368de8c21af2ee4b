"""The options that many commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        help="The workspace folder. Default: PIGEONHOLE_WORKSPACE, else the nearest .pigeonhole above here.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the model, such as epochs=5. Repeatable."),
]
EndpointName = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
Seed = Annotated[int, typer.Option(help="The one number from which all randomness follows.", min=0)]


def example(*commands: str) -> str:
    """The end of a help text: examples, which the tests run."""
    return "\n\n".join(f"Example: {command}" for command in commands)
