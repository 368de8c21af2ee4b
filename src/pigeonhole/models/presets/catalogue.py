"""Finds preset files and reads what they declare. Puts no values in; that is `resolving`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import NotFoundError, SpecError, listing
from pigeonhole.core.spec import Lines, read_yaml, suggestion, validate
from pigeonhole.models.spec import Kind, Parameter, PresetFile

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """A recipe whose parameters have no values yet.

    Attributes:
        key: its name in CLI, YAML, leaderboard and pages; the path, for a user's own file.
        kind: `network` or `estimator`.
        summary: one line.
        parameters: its knobs, in the order of the file.
        file: the recipe as it stands in YAML.
        lines: line numbers by place in the file.
    """

    key: str
    kind: Kind
    summary: str
    parameters: tuple[Parameter, ...]
    file: PresetFile
    lines: Lines

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Parameter → default."""
        return {parameter.name: parameter.default for parameter in self.parameters}


def names() -> list[str]:
    """The keys of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


@cache
def get(key: str) -> Preset:
    """The preset of that name.

    Raises:
        NotFoundError: there is none; the closest name is suggested.
    """
    if key not in names():
        raise NotFoundError(
            f"the preset {key!r}{suggestion(key, names())}",
            f"one of {', '.join(names())}, timm/NAME, or the path of a .yml file",
            "pigeonhole presets list",
        )
    return read(FOLDER / f"{key}.yml", key)


def read(path: Path, key: str | None = None) -> Preset:
    """The preset in a YAML file; `key` names it, `None` means by its path.

    Raises:
        SpecError: the file is no preset; all its problems at once.
    """
    value, lines = read_yaml(path)
    file = validate(PresetFile, value, str(path), lines)
    parameters, problems = _parameters(file, lines)
    if (file.type == "network") == (file.layers is None) or (file.type == "estimator") == (file.estimator is None):
        problems.append(
            f"a {file.type} has {'`layers`' if file.type == 'network' else '`estimator`'} and not the other"
        )
    if problems:
        raise SpecError(
            f"{path}: {len(problems)} problem(s)\n{listing(problems)}",
            "type, summary, parameters, and layers with training, or estimator",
            "correct the lines named above",
        )
    return Preset(key or str(path), file.type, file.summary, parameters, file, lines)


def _parameters(file: PresetFile, lines: Lines) -> tuple[tuple[Parameter, ...], list[str]]:
    parameters, problems = [], []
    for name, declared in file.parameters.items():
        line = lines.get(("parameters", name))
        try:
            parameters.append(validate(Parameter, {**declared, "name": name}, f"line {line}: parameter {name}"))
        except SpecError as error:
            problems.append(error.received)
    return tuple(parameters), problems
