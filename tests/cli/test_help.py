"""Every command is documented, ends with an example, and its help costs no heavy import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from pigeonhole.cli.main import app

HEAVY = {"torch", "sklearn", "mlflow", "pandas", "pyarrow", "onnx", "onnxruntime", "altair", "numpy", "pydantic", "PIL"}


def commands() -> Iterator[tuple[str, Any]]:
    for name, command in typer.main.get_command(app).commands.items():
        if hasattr(command, "commands"):
            for inner, leaf in command.commands.items():
                yield f"{name} {inner}", leaf
        else:
            yield name, command


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_each_command_says_what_it_does_and_ends_with_an_example(name: str) -> None:
    command = ALL[name]
    assert command.help
    assert command.epilog
    assert command.epilog.splitlines()[-1].startswith(f"Example: pigeonhole {name}")


@pytest.mark.parametrize("name", ALL)
def test_each_option_is_explained(name: str) -> None:
    unexplained = [parameter.name for parameter in ALL[name].params if not getattr(parameter, "help", None)]
    assert unexplained == []


@pytest.mark.parametrize("name", ALL)
def test_each_command_prints_json(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}
    assert "--json" in options or name == "serve"


@pytest.mark.parametrize("name", ALL)
def test_no_command_has_more_than_a_handful_of_flags(name: str) -> None:
    flags = [parameter for parameter in ALL[name].params if parameter.param_type_name == "option"]
    own = [flag for flag in flags if flag.name not in {"json", "workspace", "help", "seed"}]
    # «About eight»: deploy has those of a server besides.
    assert len(own) <= (14 if name == "deploy" else 9)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pigeonhole.cli.main import run\n"
        "run(['--help'])\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
