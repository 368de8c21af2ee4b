"""What is wrong across the parts of a sweep's spec, which no part can see by itself. Looks at no clock and no data.

Every check takes a draft, in which parts that were wrong by themselves are missing, so that all is said at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pigeonhole.core.closest import suggestion
from pigeonhole.sweep.distributions import Choice
from pigeonhole.sweep.samplers import Problem
from pigeonhole.sweep.spec.command_checks import check_command
from pigeonhole.sweep.spec.expressions import NAME
from pigeonhole.sweep.spec.inputs import DataInput
from pigeonhole.sweep.spec.objective import ALIASES, EPOCH_METRICS, FINAL_METRICS
from pigeonhole.sweep.spec.preset_checks import check_preset
from pigeonhole.sweep.spec.sweep import SweepDraft, setting_of
from pigeonhole.sweep.spec.trial import PresetTrial

Check = Callable[[SweepDraft, Path], Iterator[Problem]]


def problems_across(draft: SweepDraft, folder: Path) -> list[Problem]:
    """All problems that more than one part has, each with its place."""
    return [problem for check in CHECKS for problem in check(draft, folder)]


def _check_names(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    for section in ("inputs", "outputs", "search_space"):
        for name in getattr(draft, section):
            if not NAME.fullmatch(name):
                yield (section, name), f"the name {name!r}: letters, digits and _ are accepted, and no digit first"


def _check_limits(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    limits = draft.limits
    if limits and limits.max_concurrent_trials and limits.max_concurrent_trials > limits.max_total_trials:
        yield (
            ("limits", "max_concurrent_trials"),
            f"{limits.max_concurrent_trials} at a time are more than max_total_trials, {limits.max_total_trials}",
        )


def _check_objectives(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    several = isinstance(draft.objective, tuple)
    names = [objective.primary_metric for objective in draft.objectives]
    if several and not names:
        yield ("objective",), "no objective; a mapping with goal and primary_metric, or a list of them, is accepted"
    for n, name in enumerate(names):
        place: tuple[str | int, ...] = (
            ("objective", n, "primary_metric") if several else ("objective", "primary_metric")
        )
        if ALIASES.get(name, name) in [ALIASES.get(other, other) for other in names[:n]]:
            yield place, f"{name} is an objective already; each metric once is accepted"
        if isinstance(draft.trial, PresetTrial):
            yield from _check_metric(name, place, draft.early_termination is not None)


def _check_metric(name: str, place: tuple[str | int, ...], judged: bool) -> Iterator[Problem]:
    if name.startswith("test_"):
        yield place, f"{name}: nothing is chosen by the test split; take {name.replace('test_', 'validation_', 1)}"
        return
    known = [*EPOCH_METRICS, *ALIASES, *(() if judged else FINAL_METRICS)]
    if name not in known:
        kind = "after every epoch, by which a policy can judge, trials of presets log" if judged else "they log"
        yield place, f"{name} is no metric of a preset's trials{suggestion(name, known)}; {kind} {', '.join(known)}"


def _check_sampler(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    if draft.sampling_algorithm and draft.search_space:
        yield from draft.sampling_algorithm.problems(setting_of(draft))


def _check_termination(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    if draft.early_termination is None:
        return
    if len(draft.objectives) > 1:
        yield (
            ("early_termination",),
            f"{draft.early_termination.type}: a trial that is worse by one of several objectives may be the best by"
            " another; take it out, or keep one objective",
        )
    if draft.sampling_algorithm is not None and not draft.sampling_algorithm.stoppable:
        yield (
            ("early_termination",),
            f"{draft.early_termination.type}: bayesian sampling learns from final values, which stopped trials do not"
            " have, so no policy goes with it (nor on Azure ML); take it out, or sample at random",
        )


def _check_inputs(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    for name, given in draft.inputs.items():
        if not isinstance(given, DataInput):
            continue
        if given.remote:
            yield (
                ("inputs", name, "path"),
                f"{given.path} is not on this machine; download it and name the local path, or ingest it and write"
                " azureml:NAME:VERSION",
            )
        elif given.local_path is not None and not isinstance(draft.trial, PresetTrial):
            yield from _check_path(name, given, folder / given.local_path)


def _check_path(name: str, given: DataInput, path: Path) -> Iterator[Problem]:
    if not path.exists():
        yield ("inputs", name, "path"), f"{path} does not exist"
    elif given.type == "mltable" and not (path / "MLTable").is_file():
        yield ("inputs", name, "path"), f"{path} has no file MLTable, which type mltable asks for"
    elif (given.type == "uri_file") != path.is_file():
        yield (
            ("inputs", name, "path"),
            f"{path} is a {'file' if path.is_file() else 'folder'}, and type is {given.type}",
        )


def _check_choices(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    del folder
    for name, distribution in draft.search_space.items():
        if not isinstance(distribution, Choice) or isinstance(draft.trial, PresetTrial):
            continue
        if any(isinstance(value, bool) for value in distribution.values):
            yield (
                ("search_space", name),
                "true and false are refused by Azure ML as values of a choice; write them as texts ('true', 'false')",
            )


CHECKS: tuple[Check, ...] = (
    _check_names,
    _check_limits,
    _check_objectives,
    _check_sampler,
    _check_termination,
    _check_inputs,
    _check_choices,
    check_preset,
    check_command,
)
