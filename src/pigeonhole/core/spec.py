"""Specs: YAML in, validated values out, every problem reported at once with its line. Knows no particular spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pigeonhole.core.closest import suggestion as suggestion
from pigeonhole.core.errors import SpecError, listing

Place = tuple[str | int, ...]
Lines = Mapping[Place, int]
_UNION_TAG = re.compile(r"[-\[(]")  # what pydantic puts into a place for the member of a union it tried


class _Loader(yaml.SafeLoader):
    """YAML 1.1, but for one thing: it takes 1e-3 for text, and everyone else for a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


class Spec(BaseModel):
    """The base of all specs: frozen; an unknown key is a mistake, and so is a number that is none or has no end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SpecT = TypeVar("SpecT", bound=BaseModel)


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """The value in a YAML file and, for every place in it, its line (from 1).

    Raises:
        SpecError: the file is missing, is no YAML, or names a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"the spec file {path} cannot be read: {error}", "a UTF-8 YAML file", "check the path"
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> tuple[Any, Lines]:
    """As `read_yaml`, from a text; `source` names it in messages."""
    try:
        node, value = yaml.compose(text, Loader=_Loader), yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # a ValueError is a date that no calendar has
        mark = getattr(error, "problem_mark", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        raise SpecError(
            f"{place}: not YAML: {getattr(error, 'problem', None) or error}",
            "YAML",
            "correct that line (indentation, a missing ':' or quote)",
        ) from error
    lines: dict[Place, int] = {}
    problems: list[str] = []
    if node is not None:
        _walk(node, (), lines, problems, set())
    if problems:
        raise SpecError(f"{source}:\n{listing(problems)}", "each key once in its mapping", "keep one of the two values")
    return value, lines


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], problems: list[str], walked: set[int]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in walked:  # an alias: its lines are known, and one may lead round in a circle
        return
    walked.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in seen:
                problems.append(f"line {line}: the key {key!r} was given before, on line {seen[key]}")
            seen[key] = line
            lines[(*place, key)] = line
            _walk(value_node, (*place, key), lines, problems, walked)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*place, index), lines, problems, walked)


def validate(model: type[SpecT], value: Any, source: str, lines: Lines | None = None) -> SpecT:
    """The validated spec.

    Args:
        model: the spec's class.
        value: what YAML or the command line gave.
        source: the file, or `--set`; named in messages.
        lines: line numbers by place, from `read_yaml`.

    Raises:
        SpecError: any number of problems, all in one message.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = problems_of(error, model, lines)
        raise SpecError(
            f"{source}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing(problems)}",
            f"the fields of {model.__name__}: {', '.join(model.model_fields)}",
            "correct the lines named above",
        ) from error


def problems_of(error: ValidationError, model: type[BaseModel], lines: Lines | None = None) -> list[str]:
    """What pydantic found wrong with a `model`, each in a line with its place."""
    return [_problem(model, detail, lines or {}) for detail in error.errors()]


def _problem(model: type[BaseModel], detail: Any, lines: Lines) -> str:
    place = tuple(step for step in detail["loc"] if not _UNION_TAG.search(str(step)))
    line = next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), None)
    where = f"line {line}: " if line else ""
    name = ".".join(map(str, place)) or "the whole"
    if detail["type"] == "extra_forbidden":
        return f"{where}{name}: unknown key{suggestion(str(place[-1]), _fields_at(model, place[:-1]))}"
    received = "" if detail["type"] == "missing" else f", received {_short(detail.get('input'))}"
    return f"{where}{name}: {_message(detail)}{received}{_closest(detail)}"


def _message(detail: Any) -> str:
    if detail["type"] == "model_type":
        return "a mapping of settings is accepted"
    text = str(detail["msg"]).removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}"


def _closest(detail: Any) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail.get("input"), str):
        return ""
    return suggestion(detail["input"], re.findall("'([^']*)'", detail["ctx"]["expected"]))


def _fields_at(model: type[BaseModel], place: Place) -> list[str]:
    models = [model]
    for step in place:
        fields = [m.model_fields[str(step)].annotation for m in models if str(step) in m.model_fields]
        # A step that names no field is a key or an index: the models at hand are those of the value under it.
        models = [inner for field in fields for inner in _models_in(field)] or models
    return list(dict.fromkeys(name for inner in models for name in inner.model_fields))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of: itself, or those of its union, list or mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def parse_settings(assignments: Sequence[str]) -> dict[str, Any]:
    """`["epochs=5", "optimizer.name=sgd"]` → `{"epochs": 5, "optimizer": {"name": "sgd"}}`; values are read as YAML.

    Raises:
        SpecError: an assignment without `=`, or the same key twice.
    """
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise SpecError(f"--set {assignment!r}", "--set KEY=VALUE, or SECTION.KEY=VALUE", "add the value")
        *sections, last = key.split(".")
        target = settings
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise SpecError(f"--set {key!r} goes inside a plain value", "one of the two", "remove one --set")
        if last in target:
            raise SpecError(f"--set {key!r} is given twice", "each key once", "remove one of them")
        target[last] = _yaml_value(text, key)
    return settings


def _yaml_value(text: str, key: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise SpecError(f"--set {key}={text!r} is no YAML value", "a number, text, list or mapping", "quote it") from (
            error
        )


def without_titles(schema: Any) -> Any:
    """A JSON schema without pydantic's titles, which repeat the names of keys; a key that is called `title` is none."""
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: without_titles(item) for key, item in schema.items() if key != "title" or not isinstance(item, str)}
