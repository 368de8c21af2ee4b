"""A search's settings from a file, a mapping or the command line: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pigeonhole.automl.settings.algorithms import all_presets, blocked_by
from pigeonhole.automl.settings.meaning import settings_of
from pigeonhole.automl.settings.names import Place
from pigeonhole.automl.settings.notes import notes_on
from pigeonhole.automl.settings.plain import AutomlSettings
from pigeonhole.automl.settings.spec import AutomlSpec
from pigeonhole.automl.settings.translating import Translated, translated
from pigeonhole.core.errors import SpecError, listing
from pigeonhole.core.spec import Lines, parse_settings, problems_of, read_yaml
from pigeonhole.models import presets

# Of each pair one is accepted; what is set takes the other's place.
_PAIRS = (("timeout", "timeout_minutes"), ("trial_timeout", "trial_timeout_minutes"))
_FLAGS = {
    "budget": ("limits", "timeout"),
    "metric": ("primary_metric",),
    "folds": ("n_cross_validations",),
    "allow": ("training", "allowed_training_algorithms"),
    "block": ("training", "blocked_training_algorithms"),
    "seed": ("seed",),
}
Found = tuple[int, str]


def read_automl(source: str | Path | Mapping[str, Any], folder: Path | None = None) -> AutomlSettings:
    """The settings in a spec of `type: automl`, checked as far as they can be before anything runs.

    Args:
        source: a YAML file, or its content as a mapping.
        folder: where a relative path of the file starts; `None` for the current one.

    Raises:
        SpecError: any number of problems, all in one message.
    """
    if isinstance(source, Mapping):
        return _settings(source, "the search", {}, {})
    path = (folder or Path()) / source
    value, lines = read_yaml(path)
    return _settings(value, str(source), lines, {}, name=path.stem)


def from_command(
    asked: str | Path | Mapping[str, Any],
    *,
    budget: float | str | None = None,
    metric: str | None = None,
    folds: int | str | None = None,
    allow: Iterable[str] | str = (),
    block: Iterable[str] | str = (),
    seed: int | None = None,
    settings: Sequence[str] | Mapping[str, Any] = (),
) -> AutomlSettings:
    """The settings of a dataset or a spec, with what the command line says in the place of what the spec says.

    Args:
        asked: a dataset, as `NAME` or `NAME:VERSION`; or a YAML file, or its content.
        budget: seconds, or a duration such as `20m`.
        metric: the primary metric.
        folds: of cross-validation, or `auto`; `None` for the validation split.
        allow: the algorithms that may be tried.
        block: those that may not.
        seed: from which all randomness follows.
        settings: more keys of the spec, as `section.key=value` or as a mapping.

    Raises:
        SpecError: any number of problems, all in one message.
    """
    flags = {"budget": budget, "metric": metric, "folds": _number(folds), "seed": seed}
    named = {"allow": _names(allow), "block": _names(block)}
    given = {name: value for name, value in {**flags, **named}.items() if value is not None and value != ()}
    more = dict(settings) if isinstance(settings, Mapping) else parse_settings(settings)
    if isinstance(asked, Mapping):
        return _settings(asked, "the search", {}, given, more)
    if Path(asked).suffix in {".yml", ".yaml"}:
        value, lines = read_yaml(Path(asked))
        return _settings(value, str(asked), lines, given, more, name=Path(asked).stem)
    return _settings({"type": "automl", "dataset": str(asked)}, "the command", {}, given, more)


def _settings(
    value: Any,
    source: str,
    lines: Lines,
    flags: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> AutomlSettings:
    if not isinstance(value, Mapping):
        raise _error(source, [f"line {lines.get((), 1)}: a mapping is accepted, received {value!r}"])
    written, over = translated(value, lines), translated({**flags, **(more or {})})
    found = [*_problems(written), *_problems_of_command(over, flags)]
    spec: AutomlSpec | None = None
    if not found:
        try:
            spec = AutomlSpec.model_validate(_merged(written.value, over.value))
        except ValidationError as error:
            found = [(0, text) for text in problems_of(error, AutomlSpec)]
        else:
            found = [(_line(written.lines, place), text) for place, text in _across(spec)]
    if found or spec is None:
        raise _error(source, [text for _, text in sorted(found, key=lambda problem: problem[0])])
    return settings_of(spec, [*written.notes, *over.notes, *notes_on(spec)], name)


def _problems(written: Translated) -> list[Found]:
    """What is wrong with a part by itself."""
    found = []
    for place, text in written.problems:
        line = _line(written.lines, place)
        found.append((line, f"{f'line {line}: ' if line else ''}{'.'.join(map(str, place))}: {text}"))
    try:
        AutomlSpec.model_validate(written.value)
    except ValidationError as error:
        told = problems_of(error, AutomlSpec, written.lines)
        places = [tuple(detail["loc"]) for detail in error.errors()]
        found += [(_line(written.lines, place), text) for place, text in zip(places, told, strict=True)]
    return found


def _problems_of_command(over: Translated, flags: Mapping[str, Any]) -> list[Found]:
    """The same for what the command line says, in its words."""
    found = _problems(Translated({"type": "automl", **over.value}, {}, over.problems))
    for name in flags:
        place = f"{'.'.join(_FLAGS[name])}"
        found = [(line, name + text.removeprefix(place) if text.startswith(place) else text) for line, text in found]
    return found


def _merged(base: Any, over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) if isinstance(base, Mapping) else {}
    for pair in _PAIRS:
        if any(name in over for name in pair):
            merged = {name: value for name, value in merged.items() if name not in pair}
    for key, value in over.items():
        merged[key] = _merged(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged


def _across(spec: AutomlSpec) -> Iterator[tuple[Place, str]]:
    """What is wrong across its parts."""
    limits, training = spec.limits, spec.training
    for short, long in _PAIRS:
        if getattr(limits, short) is not None and getattr(limits, long) is not None:
            yield ("limits", short), f"limits.{short}: and {long} are given; keep one of the two"
    allowed = all_presets(training.allowed_training_algorithms or presets.names())
    if not allowed - blocked_by(training.blocked_training_algorithms or ()):
        yield (
            ("training",),
            "training: blocked_training_algorithms leaves nothing of what is allowed; take a name out",
        )


def _number(folds: int | str | None) -> int | str | None:
    return int(folds) if isinstance(folds, str) and folds.strip().isdigit() else folds


def _names(names: Iterable[str] | str) -> tuple[str, ...]:
    """The names in texts that may each have several, with commas between."""
    texts = [names] if isinstance(names, str) else names
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _line(lines: Lines, place: Place) -> int:
    """Of the place, or of the nearest around it; 0 where no file gave lines."""
    return next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), 0)


def _error(source: str, problems: list[str]) -> SpecError:
    fields = [field.alias or name for name, field in AutomlSpec.model_fields.items()]
    return SpecError(
        f"{source}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing(problems)}",
        f"a search as Azure ML v2 spells it: {', '.join(fields)}",
        "correct what is named above",
    )
