"""The constructor's arguments → a spec and a seed, with all that is wrong with them in one message. Sees no data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from pigeonhole import models
from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import NotFoundError, ParameterError, SpecError, listing

_LARGEST_SEED = 2**32 - 1
_DRAWN_BELOW = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """What the arguments ask for.

    Attributes:
        spec: the model.
        seed: decides all that is random.
        validation_fraction: share of the images held out, or 0.
    """

    spec: models.ModelSpec
    seed: int
    validation_fraction: float


def read_arguments(arguments: Mapping[str, Any]) -> Plan:
    """The plan of a classifier's `get_params`.

    Raises:
        ParameterError: every problem at once.
    """
    problems = [
        f"{name}: received {arguments[name]!r}; {accepted} is accepted"
        for name, (fits, accepted) in _RULES.items()
        if not fits(arguments[name])
    ]
    spec = _resolved(arguments, problems) if isinstance(arguments["model"], str) else None
    if problems or spec is None:
        raise ParameterError(
            f"ImageClassifier: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing(problems)}",
            f"{', '.join(_RULES)}, and the parameters of the preset",
            "correct the arguments named above; `pigeonhole presets show KEY` lists a preset's parameters",
        )
    held_out = float(arguments["validation_fraction"]) if arguments["early_stopping"] else 0.0
    return Plan(spec, _seed(arguments["random_state"]), held_out)


def plain(value: Any) -> Any:
    """A copy with Python's own numbers for NumPy's, since a search draws the latter."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What goes to the preset: `optimizer__momentum` as `{"optimizer": {"momentum": …}}`; `None` is left out."""
    settings: dict[str, Any] = {}
    for name, value in sorted(arguments.items(), key=lambda item: item[0].count("__")):
        if name not in _RULES and value is not None:
            _put(settings, name.split("__"), plain(value))
    return settings


def _put(settings: dict[str, Any], path: list[str], value: Any) -> None:
    section, *inner = path
    if not inner:
        settings[section] = value
    elif isinstance(settings.setdefault(section, {}), dict):
        _put(settings[section], inner, value)
    else:  # a plain value stands where a section should; as one name it is refused as unknown
        settings["__".join(path)] = value


def _resolved(arguments: Mapping[str, Any], problems: list[str]) -> models.ModelSpec | None:
    try:
        preset = models.preset_of(arguments["model"])
        settings = _settings(arguments)
        if preset.kind == "network":
            settings = {"keep_checkpoints": 1, **settings}
        if arguments["early_stopping"]:
            settings |= _stopping(preset, arguments["patience"], problems)
        return models.resolve(arguments["model"], settings)
    except NotFoundError as error:
        problems.append(f"model: received {error.received}; {error.accepted} is accepted")
    except SpecError as error:
        lines = error.received.splitlines()
        problems += [_with_own_names(line.strip()) for line in lines[1:] or lines]
    return None


def _stopping(preset: models.presets.Preset, patience: Any, problems: list[str]) -> dict[str, Any]:
    if preset.kind != "network":
        problems.append(f"early_stopping: {preset.key} is fitted in one go; a network is accepted")
        return {}
    own = {"patience": patience} if "patience" in preset.defaults else {}
    return {**own, "early_stopping": {"patience": patience, "restore_best_weights": True}}


def _with_own_names(line: str) -> str:
    name, colon, what = line.partition(": ")
    return f"{line}{suggestion(name, list(_RULES))}" if colon and what == "unknown" else line


def _seed(random_state: Any) -> int:
    """As scikit-learn has it: a number is the seed; else one is drawn from the generator, `None` is NumPy's own."""
    if isinstance(random_state, Integral):
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(_DRAWN_BELOW))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_image_shape(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, (tuple, list)) or len(value) not in {2, 3} or not all(map(_is_whole, value)):
        return False
    return all(size >= 1 or size == -1 for size in value) and list(value).count(-1) <= 1 and value[2:] != (-1,)


def _is_random_state(value: Any) -> bool:
    if value is None or isinstance(value, np.random.RandomState):
        return True
    return _is_whole(value) and 0 <= value <= _LARGEST_SEED


# The classifier's own arguments; all others are the preset's.
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "model": (lambda value: isinstance(value, str), "a preset's key or the path of a .yml file"),
    "image_shape": (
        _is_image_shape,
        "None, (height, width) or (height, width, channels), one of them -1 to follow from the others,",
    ),
    "early_stopping": (lambda value: isinstance(value, (bool, np.bool_)), "True or False"),
    "patience": (lambda value: _is_whole(value) and value >= 0, "a whole number of epochs, 0 or more,"),
    "validation_fraction": (lambda value: isinstance(value, Real) and 0 < float(value) < 1, "a number between 0 and 1"),
    "random_state": (_is_random_state, f"None, a RandomState, or a whole number from 0 to {_LARGEST_SEED}"),
    "verbose": (lambda value: isinstance(value, (bool, np.bool_, Integral)), "True or False"),
}
