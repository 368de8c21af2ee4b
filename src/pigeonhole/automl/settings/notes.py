"""What a user should know of a spec that is right: Azure ML's bounds that do not hold here, and what the words mean."""

from __future__ import annotations

from collections.abc import Iterator

from pigeonhole.automl.settings.algorithms import presets_of, stands_for_others
from pigeonhole.automl.settings.durations import shown
from pigeonhole.automl.settings.plain import DEFAULT_BUDGET_S
from pigeonhole.automl.settings.spec import AutomlSpec

_LEAST_ON_AZURE_MIN = 15


def notes_on(spec: AutomlSpec) -> list[str]:
    """A sentence each."""
    return [*_on_limits(spec), *_on_trials(spec), *_on_blocked(spec), *_on_names(spec)]


def _on_limits(spec: AutomlSpec) -> Iterator[str]:
    limits = spec.limits
    if limits.timeout is None and limits.timeout_minutes is None:
        yield f"no budget was given: {shown(DEFAULT_BUDGET_S)}, ensembles and export included (--budget says another)"
    if limits.timeout_minutes is not None and limits.timeout_minutes < _LEAST_ON_AZURE_MIN:
        yield (
            f"limits.timeout_minutes: {limits.timeout_minutes:g} holds here, for everything; Azure ML takes no less"
            f" than {_LEAST_ON_AZURE_MIN}, or 60 where rows × columns pass 10 million"
        )


def _on_trials(spec: AutomlSpec) -> Iterator[str]:
    if not ensembles_fit(spec):
        yield (
            f"limits.max_trials: {spec.limits.max_trials} leave no room for ensembles, so there are none, as on Azure"
            f" ML; {2 + ensembles(spec)} are the least"
        )


def _on_blocked(spec: AutomlSpec) -> Iterator[str]:
    for name in spec.training.blocked_training_algorithms or ():
        if stands_for_others(name) or not presets_of(name):
            yield f"training.blocked_training_algorithms: {name} is no candidate here, so this takes nothing out"


def _on_names(spec: AutomlSpec) -> Iterator[str]:
    if spec.task == "image_classification":
        yield (
            "task: image_classification tries classical models too; training.allowed_training_algorithms: [networks]"
            " does not"
        )


def ensembles(spec: AutomlSpec) -> int:
    """How many ensembles are wanted."""
    return spec.training.enable_vote_ensemble + spec.training.enable_stack_ensemble


def ensembles_fit(spec: AutomlSpec) -> bool:
    """Whether so many trials leave room for ensembles, by Azure ML's rule."""
    most = spec.limits.max_trials
    return most is None or not ensembles(spec) or most >= 2 + ensembles(spec)
