"""A preset's key and some settings in, a spec with every value out; all that is wrong with them at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import SpecError, listing
from pigeonhole.core.spec import suggestion, validate
from pigeonhole.models import presets
from pigeonhole.models.layers import CLASSES, LAYERS, Layer, parse_layers
from pigeonhole.models.layers.registry import layer_to_item
from pigeonhole.models.settings import OPTIMIZER_FIELDS, SCHEDULE_FIELDS, Training, without_left_over
from pigeonhole.models.spec import ModelSpec, Parameter, Scalar
from pigeonhole.models.transfer import made_whole, refuse_unknown

_SPEC_SUFFIXES = {".yml", ".yaml"}


def resolve(model: str, settings: Mapping[str, Any] | None = None) -> ModelSpec:
    """The spec with every value in its place.

    Args:
        model: a preset's key, `timm/NAME`, or the path of a `.yml` file of the same form.
        settings: parameters of the preset by name, or fields of a network's training (`{"optimizer": {"momentum":
            0.8}}`), as `--set` gives them.

    Raises:
        NotFoundError: no such preset.
        SpecError: any number of problems, all in one message.
        MissingDependencyError: the spec has a network of timm, and timm is not installed.
    """
    preset = preset_of(model)
    settings = settings or {}
    problems: list[str] = []
    overlaid = _overlaid(preset, settings)
    values = _parameter_values(preset, {k: v for k, v in settings.items() if k not in overlaid}, problems)
    layers = _layers(preset, values, problems)
    training = _training(preset, values, settings, overlaid, problems)
    estimator = _estimator(preset, values, problems)
    if problems:
        raise SpecError(
            f"{preset.key}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing(problems)}",
            f"the parameters of {preset.key}: {', '.join(preset.defaults)}"
            + ("" if training is None else f"; of its training: {', '.join(_other_fields(preset))}")
            + (f"; layers: {', '.join(LAYERS)}" if len(layers) < len(preset.file.layers or ()) else ""),
            f"pigeonhole presets show {preset.key}",
        )
    values = {name: value for name, value in values.items() if name not in overlaid}
    return ModelSpec(preset.key, preset.kind, values, tuple(map(layer_to_item, layers)), training, estimator)


def preset_of(model: str) -> presets.Preset:
    """The preset of that key, the one in that `.yml` file, or the recipe for that network of timm (`timm/NAME`).

    Raises:
        NotFoundError: no such preset.
        SpecError: the file is no preset.
        MissingDependencyError: a network of timm, and timm is not installed.
    """
    if Path(model).suffix in _SPEC_SUFFIXES:
        return presets.read(Path(model))
    if model.startswith(presets.TIMM):
        refuse_unknown(model.removeprefix(presets.TIMM))
        return presets.timm_preset(model)
    return presets.get(model)


def _overlaid(preset: presets.Preset, settings: Mapping[str, Any]) -> set[str]:
    """Parameters that name a section of the training and are set to its numbers, as `augment.rotate_degrees=3` does."""
    if preset.kind != "network":
        return set()
    sections = {name for name in preset.defaults if name in Training.model_fields}
    return {name for name in sections if isinstance(settings.get(name), Mapping)}


def _other_fields(preset: presets.Preset) -> list[str]:
    return [name for name in Training.model_fields if name not in preset.defaults]


def _parameter_values(preset: presets.Preset, settings: Mapping[str, Any], problems: list[str]) -> dict[str, Scalar]:
    fields = list(Training.model_fields) if preset.kind == "network" else []
    known = [*preset.defaults, *fields]
    problems += [f"{name}: unknown{suggestion(name, known)}" for name in settings if name not in known]
    return {
        parameter.name: _checked(parameter, settings.get(parameter.name, parameter.default), problems)
        for parameter in preset.parameters
    }


def _checked(parameter: Parameter, value: Any, problems: list[str]) -> Scalar:
    """The value in the parameter's own type; a problem is noted, and then the default stands in for the checks."""
    wanted = type(parameter.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    problem = None
    if type(value) is not wanted:
        problem = f"{_TYPES[wanted]} is accepted"
    elif parameter.choices is not None and value not in parameter.choices:
        problem = f"one of {', '.join(map(str, parameter.choices))} is accepted"
        if isinstance(value, str):
            problem += suggestion(value, [str(choice) for choice in parameter.choices])
    elif not isinstance(value, (str, bool)) and not _in_range(parameter, value):
        problem = f"{_range_text(parameter)} is accepted"
    if problem is None:
        return value  # type: ignore[no-any-return]
    problems.append(f"{parameter.name}: received {value!r}; {problem}")
    return parameter.default


_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _in_range(parameter: Parameter, value: float) -> bool:
    # Written so that NaN is out of every range.
    low = -float("inf") if parameter.low is None else parameter.low
    high = float("inf") if parameter.high is None else parameter.high
    return math.isfinite(value) and low <= value <= high


def _range_text(parameter: Parameter) -> str:
    if parameter.low is None and parameter.high is None:
        return "a finite number"
    if parameter.low is None or parameter.high is None:
        return f"at most {parameter.high:g}" if parameter.low is None else f"at least {parameter.low:g}"
    return f"{parameter.low:g} to {parameter.high:g}"


def _filled(value: Any, values: Mapping[str, Scalar], problems: list[str]) -> Any:
    """`value` with each `$name` replaced by the parameter's value; `$classes` waits for the dataset."""
    if isinstance(value, Mapping):
        return {key: _filled(item, values, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values, problems) for item in value]
    if not isinstance(value, str) or not value.startswith("$") or value == CLASSES:
        return value
    if value[1:] not in values:
        problems.append(f"{value}: no such parameter{suggestion(value[1:], list(values))}")
        return value
    return values[value[1:]]


def _layers(preset: presets.Preset, values: Mapping[str, Scalar], problems: list[str]) -> list[Layer]:
    if preset.kind != "network":
        return []
    layers, found = parse_layers(_filled(preset.file.layers, values, problems), preset.lines)
    problems += found
    return made_whole(layers, problems)


def _training(
    preset: presets.Preset,
    values: Mapping[str, Scalar],
    settings: Mapping[str, Any],
    overlaid: set[str],
    problems: list[str],
) -> Training | None:
    if preset.kind != "network":
        return None
    own = _filled(preset.file.training, values, problems)
    fields = {name for name in Training.model_fields if name not in values or name in overlaid}
    extra = {name: value for name, value in settings.items() if name in fields}
    own = without_left_over(own, extra, "optimizer", OPTIMIZER_FIELDS)
    own = without_left_over(own, extra, "schedule", SCHEDULE_FIELDS)
    try:
        # A setting laid over the file has no line in it, and the nearest line would mislead.
        lines = {place[1:]: line for place, line in preset.lines.items() if place[:1] == ("training",)}
        return validate(Training, _merged(own, extra), "training", None if extra else lines)
    except SpecError as error:
        problems += [line.strip() for line in error.received.splitlines()[1:]]
        return Training()


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on it, mapping by mapping."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _estimator(preset: presets.Preset, values: Mapping[str, Scalar], problems: list[str]) -> dict[str, Any] | None:
    if preset.kind != "estimator":
        return None
    from pigeonhole.models.classical import check_estimator

    settings: dict[str, Any] = _filled(preset.file.estimator, values, problems)
    problems += check_estimator(settings)
    return settings
