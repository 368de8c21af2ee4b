"""The noun `presets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, Settings, example
from pigeonhole.cli.output import print_json, print_table, print_text, say, suggest

presets = typer.Typer(help="Look at the named recipes for models.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    presets.command("list", epilog=example("pigeonhole presets list"))(list_)
    presets.command("show", epilog=example("pigeonhole presets show cnn"))(show)
    app.add_typer(presets, name="presets")


def list_(json: Json = False) -> None:
    """List the presets."""
    from pigeonhole.workflows.presets import list_presets as run

    rows = [preset.to_dict() for preset in run()]
    if json:
        print_json(rows)
        return
    print_table(
        ["preset", "kind", "parameters", "what"],
        [[row["key"], row["kind"], _count(row["parameters"]), row["summary"]] for row in rows],
        "",
    )
    say("and timm/NAME: any network of the package timm (pip install 'pigeonhole[transfer]')")
    suggest("pigeonhole presets show cnn")


def show(
    key: Annotated[str, typer.Argument(metavar="KEY|SPEC", help="A preset, or a YAML file of the same form.")],
    shape: Annotated[str, typer.Option(help="HxW or HxWxC of the images.")] = "28x28x1",
    classes: Annotated[int, typer.Option(help="How many classes there are.", min=2)] = 10,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Show a preset: its parameters, and its layers with output shapes and parameter counts."""
    from pigeonhole.cli.datasets import parse_shape
    from pigeonhole.core.spec import parse_settings
    from pigeonhole.workflows.presets import preset as run

    wanted = parse_shape(shape) or (28, 28, 1)
    facts = run(key, shape=wanted, classes=classes, settings=parse_settings(settings or [])).to_dict()
    if json:
        print_json(facts)
        return
    print_text(f"{facts['key']}  {facts['summary']}")
    print_table(
        ["--set", "default", "accepted", "meaning"],
        [[knob["name"], knob["default"], _accepted(knob), knob["meaning"]] for knob in facts["knobs"]],
        "nothing can be set",
    )
    if facts["layers"]:
        _print_layers(facts, shape)
    suggest(f"pigeonhole train DATASET --model {facts['key']}")


def _print_layers(facts: dict[str, Any], shape: str) -> None:
    print_table(
        ["", "layer", "settings", "output", "parameters"],
        [
            [row["number"], row["layer"], _settings(row), _shape(row), _count(row["parameters"])]
            for row in _unfolded(facts["layers"])
        ],
        "",
    )
    others = f", {facts['non_trainable']:,} not" if facts["non_trainable"] else ""
    print_text(
        f"{facts['parameters']:,} trainable parameters{others}, for images of {shape} and {facts['classes']} classes"
    )


def _unfolded(rows: list[dict[str, Any]], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Each row, and below it those of its own layers, set in by their depth."""
    for row in rows:
        margin = "  " * depth
        yield {**row, "number": f"{margin}{row['number']}", "layer": f"{margin}{row['layer']}"}
        yield from _unfolded(row["layers"], depth + 1)


def _accepted(knob: dict[str, Any]) -> str:
    if knob["choices"]:
        return ", ".join(map(str, knob["choices"]))
    low, high = knob["low"], knob["high"]
    return (
        ""
        if low is None and high is None
        else f"{'' if low is None else f'{low:g}'} … {'' if high is None else f'{high:g}'}"
    )


def _settings(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in row["settings"].items())


def _value(value: Any) -> str:
    """As it would stand in a spec."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {inner}' for name, inner in value.items())}}}"
    return str(value)


def _shape(row: dict[str, Any]) -> str:
    return "×".join(map(str, row["output_shape"]))


def _count(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"
