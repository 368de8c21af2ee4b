"""What is wrong between a user's command and the rest of its sweep: names that are undefined, or never used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.closest import suggestion
from pigeonhole.sweep.samplers import Problem
from pigeonhole.sweep.spec.expressions import SECTIONS, optional_references, references, unreadable
from pigeonhole.sweep.spec.sweep import SweepDraft
from pigeonhole.sweep.spec.trial import CommandTrial

_COMMAND = ("trial", "command")


def check_command(draft: SweepDraft, folder: Path) -> Iterator[Problem]:
    """The expressions of the command against what is declared, and the folder of its code."""
    if not isinstance(draft.trial, CommandTrial):
        return
    yield from _check_code(draft.trial, folder)
    yield from _check_expressions(draft, draft.trial.command)
    yield from _check_use(draft, draft.trial)


def _check_code(trial: CommandTrial, folder: Path) -> Iterator[Problem]:
    if trial.code is None:
        return
    if trial.code.startswith(("azureml:", "http://", "https://", "git+")):
        yield ("trial", "code"), f"{trial.code} is not on this machine; a folder relative to the spec is accepted"
    elif not (folder / trial.code).is_dir():
        yield ("trial", "code"), f"{folder / trial.code} is no folder; the folder of the script is accepted"


def _check_expressions(draft: SweepDraft, command: str) -> Iterator[Problem]:
    for inside in unreadable(command):
        yield _COMMAND, f"${{{{{inside}}}}} is no expression; ${{{{SECTION.NAME}}}} is, of {', '.join(SECTIONS)}"
    for section, name in dict.fromkeys([*references(command), *optional_references(command)]):
        if section not in SECTIONS:
            close = suggestion(section, SECTIONS)
            yield _COMMAND, f"${{{{{section}.{name}}}}}: no such section{close}; accepted: {', '.join(SECTIONS)}"
    for section, name in dict.fromkeys(references(command)):
        declared = list(getattr(draft, section)) if section in SECTIONS else [name]
        if name not in declared and not _is_broken(draft, section, name):
            close = suggestion(name, declared)
            told = f"{section} declares {', '.join(declared)}" if declared else f"there is no {section}"
            yield _COMMAND, f"${{{{{section}.{name}}}}} is not declared{close}; {told}"
    for section, name in dict.fromkeys(optional_references(command)):
        if section == "search_space" and name not in draft.search_space:
            close = suggestion(name, list(draft.search_space))
            yield _COMMAND, f"${{{{search_space.{name}}}}} is not declared{close}"


def _check_use(draft: SweepDraft, trial: CommandTrial) -> Iterator[Problem]:
    """A trial may also read a parameter from its environment, but a spec that means so names it there."""
    used = {name for section, name in references(trial.command) if section == "search_space"}
    used |= {name for section, name in optional_references(trial.command) if section == "search_space"}
    for name in draft.search_space:
        if name not in used and f"AZUREML_SWEEP_{name}" not in trial.command:
            yield (
                ("search_space", name),
                f"the command uses no ${{{{search_space.{name}}}}}, so all its values would give the same trial; pass"
                " it to the script, or take it out",
            )


def _is_broken(draft: SweepDraft, section: str, name: str) -> bool:
    """Whether it is declared, but wrong by itself, which is told already."""
    return (section, name) in draft.broken
