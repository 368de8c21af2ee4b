"""A sweep's spec from a file or a mapping, validated as a whole: every problem at once, each with its line."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pigeonhole.core.errors import SpecError, listing
from pigeonhole.core.spec import Lines, Place, problems_of, read_yaml
from pigeonhole.sweep.spec.checks import problems_across
from pigeonhole.sweep.spec.notes import notes_on
from pigeonhole.sweep.spec.sweep import SweepDraft, SweepSpec


def read_sweep(source: str | Path | Mapping[str, Any], *, folder: Path | None = None) -> SweepSpec:
    """The spec, checked as far as it can be before anything runs.

    Args:
        source: a YAML file, or its content as a mapping.
        folder: where relative paths start; `None` for the file's folder, or the current one.

    Raises:
        SpecError: any number of problems, all in one message.
    """
    if isinstance(source, Mapping):
        return checked(dict(source), "the sweep", {}, folder or Path.cwd())
    value, lines = read_yaml(Path(source))
    return checked(value, str(source), lines, folder or Path(source).absolute().parent)


def checked(value: Any, source: str, lines: Lines, folder: Path) -> SweepSpec:
    """The spec of a value; `source` names it in messages."""
    spec: SweepSpec | None = None
    problems: list[tuple[int, str]] = []
    try:
        spec = SweepSpec.model_validate(value)
        draft: SweepDraft = spec
    except ValidationError as error:
        told = problems_of(error, SweepSpec, lines)
        places = [tuple(detail["loc"]) for detail in error.errors()]
        problems += [(_line(lines, place), text) for place, text in zip(places, told, strict=True)]
        draft = _what_is_left(value, places)
    for place, text in problems_across(draft, folder):
        line = _line(lines, place)
        problems.append((line, f"{f'line {line}: ' if line else ''}{'.'.join(map(str, place))}: {text}"))
    if problems or spec is None:
        raise _error(source, [text for _, text in sorted(problems, key=lambda problem: problem[0])])
    spec._folder = folder
    spec._notes = notes_on(spec)
    return spec


def _error(source: str, problems: list[str]) -> SpecError:
    fields = [field.alias or name for name, field in SweepSpec.model_fields.items()]
    return SpecError(
        f"{source}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing(problems)}",
        f"a sweep as Azure ML v2 spells it: {', '.join(fields)}",
        "correct the lines named above",
    )


def _line(lines: Lines, place: Place) -> int:
    """Of the place, or of the nearest around it; 0 where no file gave lines."""
    return next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), 0)


def _what_is_left(value: Any, places: list[tuple[int | str, ...]]) -> SweepDraft:
    """The spec without all that is wrong by itself: the key that is wrong where it is optional, else its section."""
    left = copy.deepcopy(value) if isinstance(value, dict) else {}
    for place in places:
        section, name = (*place, None, None)[:2]
        inside = left.get(section)
        if isinstance(inside, dict) and name in inside:
            del inside[name]
        else:
            left.pop(section, None)
    draft = _without_the_rest(left)
    given = {(str(place[0]), str(place[1])) for place in places if len(place) > 1}
    draft._broken = frozenset(given)
    return draft


def _without_the_rest(left: dict[str, Any]) -> SweepDraft:
    """A section that is wrong without the key that was wrong goes as a whole."""
    try:
        return SweepDraft.model_validate(left)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors()}
        return SweepDraft.model_validate({key: item for key, item in left.items() if key not in wrong})
