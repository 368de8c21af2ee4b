"""From names that people bring to the spec's own, with a note on each, and the lines kept. Validates no value."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.automl.settings.names import MOVED, OTHERS, SHORT, Moved, Place
from pigeonhole.core.spec import Lines

_ASSET = re.compile(r"azureml:(?!//)(?P<name>[^:@/]+)(?P<version>[:@].+)?")


@dataclass
class Translated:
    """A spec in the spec's own names.

    Attributes:
        value: the mapping.
        lines: line numbers by place.
        problems: what cannot be said so, each with its place.
        notes: what was understood, a sentence each.
    """

    value: dict[str, Any]
    lines: dict[Place, int]
    problems: list[tuple[Place, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def move(self, name: str, moved: Moved) -> None:
        """Puts a value where v2 has it."""
        value = self.value.pop(name)
        new = ".".join(moved.place)
        if moved.phrase != SHORT:
            self.notes.append(f"{name} {moved.phrase} {new}")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = value * moved.scale if moved.scale != 1 else value
        target = self.value
        for section in moved.place[:-1]:
            inner = target.setdefault(section, {})
            if not isinstance(inner, dict):
                self.problems.append(((name,), f"belongs into {new}, and {section} is no mapping"))
                return
            target = inner
        if moved.place[-1] in target:
            self.problems.append(((name,), f"{moved.phrase} {new}, which is given too; keep one of the two"))
            return
        target[moved.place[-1]] = value
        own = {place: line for place, line in self.lines.items() if place[:1] == (name,)}
        self.lines.update({(*moved.place, *place[1:]): line for place, line in own.items()})

    def explain(self, place: Place) -> None:
        """Takes a name out that has no setting here, with a note or as a problem."""
        *sections, name = place
        target: Any = self.value
        for section in sections:
            target = target.get(section) if isinstance(target, dict) else None
        if not isinstance(target, dict) or name not in target:
            return
        del target[name]
        if OTHERS[place].refused:
            self.problems.append((place, OTHERS[place].text))
        else:
            self.notes.append(f"{'.'.join(map(str, place))}: {OTHERS[place].text}")


def translated(value: Mapping[str, Any], lines: Lines | None = None) -> Translated:
    """The spec in its own names; `value` is not changed."""
    made = Translated(copy.deepcopy(dict(value)), dict(lines or {}))
    for place in OTHERS:
        made.explain(place)
    for name in [name for name in made.value if name in MOVED]:
        made.move(name, MOVED[name])
    if "training_data" in made.value:
        _take_training_data(made)
    return made


def _take_training_data(made: Translated) -> None:
    given = made.value.pop("training_data")
    path = given.get("path") if isinstance(given, Mapping) else given
    asset = _ASSET.fullmatch(path) if isinstance(path, str) else None
    if asset is None:
        made.problems.append(
            (
                ("training_data",),
                f"{path!r} is no dataset of the workspace; `pigeonhole ingest PATH --name NAME` makes one, then write"
                " dataset: NAME (or azureml:NAME:VERSION)",
            )
        )
    elif "dataset" in made.value:
        made.problems.append((("training_data",), "and dataset are given; keep one of the two"))
    else:
        made.value["dataset"] = f"{asset['name']}{asset['version'] or ''}"
        made.lines[("dataset",)] = made.lines.get(("training_data",), 0)
        made.notes.append(f"training_data: the dataset {made.value['dataset']} of this workspace")
