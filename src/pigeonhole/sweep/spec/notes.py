"""What a user should know of a spec that is right: what its words mean, and what of it has no effect here."""

from __future__ import annotations

from collections.abc import Iterator

from pigeonhole.sweep.spec.expressions import modern
from pigeonhole.sweep.spec.sweep import SweepSpec
from pigeonhole.sweep.spec.trial import CommandTrial

_LEAST_ON_AZURE_S = 60


def notes_on(spec: SweepSpec) -> tuple[str, ...]:
    """A sentence each."""
    return tuple(
        note
        for notes in (_on_space, _on_sampler, _on_command, _on_limits, _on_what_is_left_out)
        for note in notes(spec)
    )


def _on_space(spec: SweepSpec) -> Iterator[str]:
    for name, distribution in spec.search_space.items():
        note = distribution.note()
        if note:
            yield f"search_space.{name}: {note}"


def _on_sampler(spec: SweepSpec) -> Iterator[str]:
    for note in spec.sampling_algorithm.notes(spec.setting):
        yield f"sampling_algorithm: {note}"
    if spec.sampling_algorithm.waits and spec.limits.max_concurrent_trials is None:
        yield (
            f"sampling_algorithm: {spec.sampling_algorithm.type} learns from the trials that ended, so one runs at a"
            " time; limits.max_concurrent_trials allows more"
        )


def _on_command(spec: SweepSpec) -> Iterator[str]:
    if spec.command and modern(spec.command.command) != spec.command.command:
        yield (
            "trial.command: the form {inputs.x} is an old one and read as ${{inputs.x}}, as on Azure ML; write the"
            " new one"
        )


def _on_limits(spec: SweepSpec) -> Iterator[str]:
    for name in ("timeout", "trial_timeout"):
        seconds = getattr(spec.limits, name)
        if seconds is not None and seconds < _LEAST_ON_AZURE_S:
            yield f"limits.{name}: {seconds} s holds here; Azure ML raises it to {_LEAST_ON_AZURE_S} s"


def _on_what_is_left_out(spec: SweepSpec) -> Iterator[str]:
    named = [name for name in ("identity_", "resources", "queue_settings") if getattr(spec, name) is not None]
    parts = [name.rstrip("_") for name in named]
    if isinstance(spec.trial, CommandTrial):
        given = ("environment", "resources", "distribution")
        parts += [f"trial.{name}" for name in given if getattr(spec.trial, name) is not None]
    if spec.compute not in {None, "local", "azureml:local"}:
        parts.insert(0, "compute")
    if parts:
        yield f"{', '.join(parts)}: of use on Azure ML only; here trials run on this machine, in this environment"
