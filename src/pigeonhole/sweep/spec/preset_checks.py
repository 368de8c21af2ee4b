"""What is wrong between a preset and the rest of its sweep: names, types and ranges of what is searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pigeonhole import models
from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import NotFoundError, SpecError
from pigeonhole.models.settings import Training
from pigeonhole.sweep.distributions import Choice, Distribution
from pigeonhole.sweep.samplers import Problem
from pigeonhole.sweep.spec.sweep import SweepDraft, dataset_of, model_at
from pigeonhole.sweep.spec.trial import PresetTrial

# Enough of a long choice to find what is wrong with it; what differs is its size only.
_MOST_PROBES = 50
_INSIDE = 0.382


def check_preset(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    """The preset, its settings, and every value that a trial could get at its bounds."""
    trial = draft.trial
    if not isinstance(trial, PresetTrial):
        return
    yield from _check_data(draft)
    if draft.outputs:
        yield ("outputs",), "a trial that trains a preset has a run as its output; take outputs out"
    model = model_at(trial.model, folder)
    try:
        preset = models.preset_of(model)
    except (NotFoundError, SpecError) as error:
        yield ("trial", "model"), " ".join(str(error).split())
        return
    known = list(dict.fromkeys([*preset.defaults, *(Training.model_fields if preset.kind == "network" else ())]))
    wrong = list(_check_settings(model, trial))
    yield from wrong
    # Wrong settings are told; what is searched is checked with the right ones.
    refused = {place[-1] for place, _ in wrong}
    settings = {name: value for name, value in trial.settings.items() if name not in refused}
    checkable = not _problems_with(model, settings)
    for name, distribution in draft.search_space.items():
        if name not in known:
            told = f"{preset.key} declares no parameter {name!r}{suggestion(name, known)}"
            yield ("search_space", name), f"{told}; it declares {', '.join(preset.defaults)}"
        elif name in trial.settings:
            yield ("search_space", name), f"{name} is set in trial.settings as well; one of the two is accepted"
        elif checkable:
            yield from _check_values(model, settings, name, distribution, preset.defaults)


def _check_data(draft: SweepDraft) -> Iterator[Problem]:
    if "data" not in draft.inputs:
        if ("inputs", "data") not in draft.broken:
            yield ("inputs",), "a trial that trains a preset needs inputs: {data: NAME} or {data: NAME:VERSION}"
    elif not dataset_of(draft.inputs["data"]):
        yield ("inputs", "data"), "the name of a dataset is accepted (digits, digits:3)"
    for name in draft.inputs:
        if name != "data":
            told = f"{name}{suggestion(name, ['data'])}: a trial that trains a preset takes no input but data"
            yield ("inputs", name), f"{told}; what it is to be trained with goes to trial.settings"


def _check_settings(model: str, trial: PresetTrial) -> Iterator[Problem]:
    for problem in _problems_with(model, trial.settings):
        name, _, told = problem.partition(":")
        section = name.split(".")[0]
        yield ("trial", "settings", section), told.strip() if section == name else problem


def _check_values(
    model: str, settings: Mapping[str, Any], name: str, distribution: Distribution, defaults: Mapping[str, Any]
) -> Iterator[Problem]:
    """Told once, for the first of the values that is refused."""
    if type(defaults.get(name)) is int and distribution.continuous:
        yield (
            ("search_space", name),
            f"{name} is a whole number, and {distribution.type} draws others; take q{distribution.type} with q: 1,"
            " randint or choice",
        )
        return
    for value in probes(distribution):
        problems = _problems_with(model, {**settings, name: value})
        if problems:
            yield ("search_space", name), f"{_drawn(distribution)} {value!r}, and {'; '.join(problems)}"
            return


def probes(distribution: Distribution) -> tuple[Any, ...]:
    """Values that are refused if any is, as far as ranges go: the bounds and one inside, or each of a choice."""
    if isinstance(distribution, Choice):
        return distribution.extremes()[:_MOST_PROBES]
    return *distribution.extremes(), distribution.value_at(_INSIDE)


def _drawn(distribution: Distribution) -> str:
    return "one choice is" if isinstance(distribution, Choice) else f"{distribution.type} can draw"


def _problems_with(model: str, settings: Mapping[str, Any]) -> list[str]:
    try:
        models.resolve(model, settings)
    except SpecError as error:
        return [line.strip() for line in error.received.splitlines()[1:]] or [error.received]
    return []
