"""A sweep's spec, in Azure ML v2's words: `type: sweep`. Checks across its parts are in `checks`; it runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from pigeonhole.core.spec import Spec
from pigeonhole.sweep.distributions import AnyDistribution
from pigeonhole.sweep.policies import AnyEarlyTermination
from pigeonhole.sweep.samplers import AnySamplingAlgorithm, Setting
from pigeonhole.sweep.samplers.random import Random
from pigeonhole.sweep.space import SearchSpace
from pigeonhole.sweep.spec.identity import identity_of
from pigeonhole.sweep.spec.inputs import DataInput, Input, Output
from pigeonhole.sweep.spec.limits import MOST_TRIALS, Limits
from pigeonhole.sweep.spec.objective import ALIASES, Objective, OneOrSeveral
from pigeonhole.sweep.spec.trial import CommandTrial, PresetTrial, Trial
from pigeonhole.sweep.trial import Goal, Sampler, TerminationPolicy


class SweepDraft(Spec):
    """The fields of a sweep, each of them optional: what could be read of a spec with mistakes."""

    schema_: str | None = Field(None, alias="$schema")
    type: Literal["sweep"] = "sweep"
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, str] = Field(default_factory=dict)
    compute: str | None = None
    identity_: dict[str, Any] | None = Field(None, alias="identity")
    resources: dict[str, Any] | None = None
    queue_settings: dict[str, Any] | None = None
    inputs: dict[str, Input] = Field(default_factory=dict)
    outputs: dict[str, Output | None] = Field(default_factory=dict)
    trial: Trial | None = None
    search_space: dict[str, AnyDistribution] = Field(default_factory=dict)
    sampling_algorithm: AnySamplingAlgorithm | None = None
    objective: OneOrSeveral | None = None
    early_termination: AnyEarlyTermination | None = None
    limits: Limits | None = None

    # Names, by section, that were given but are wrong by themselves, and so are missing here.
    _broken: frozenset[tuple[str, str]] = PrivateAttr(default=frozenset())

    @property
    def broken(self) -> frozenset[tuple[str, str]]:
        """What was given, but is wrong by itself and so is missing here: `(section, name)`."""
        return self._broken

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All objectives; the first is the one that policies judge by."""
        if self.objective is None:
            return ()
        return self.objective if isinstance(self.objective, tuple) else (self.objective,)


class SweepSpec(SweepDraft):
    """A sweep that can be run; `read_sweep` makes it.

    Attributes:
        trial: what a trial does.
        search_space: the distribution of each parameter, in the order of declaration.
        sampling_algorithm: how trials are chosen.
        objective: one, or several.
        early_termination: stops trials that promise nothing; `None` stops none.
        limits: how many trials, and how long.
        inputs: what trials are given; of a preset `data`, the dataset.
    """

    type: Literal["sweep"]
    trial: Trial
    search_space: dict[str, AnyDistribution] = Field(min_length=1)
    sampling_algorithm: AnySamplingAlgorithm = Field(default_factory=Random)
    objective: OneOrSeveral
    limits: Limits

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _notes: tuple[str, ...] = PrivateAttr(default=())

    @property
    def folder(self) -> Path:
        """Where relative paths start: the folder of the spec's file."""
        return self._folder

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of this spec before it runs, a sentence each."""
        return self._notes

    @property
    def preset(self) -> PresetTrial | None:
        """The preset that trials train, or `None`."""
        return self.trial if isinstance(self.trial, PresetTrial) else None

    @property
    def command(self) -> CommandTrial | None:
        """The command that trials run, or `None`."""
        return self.trial if isinstance(self.trial, CommandTrial) else None

    @property
    def model(self) -> str | None:
        """The preset's key, or the path of its file, whatever the current folder."""
        return model_at(self.preset.model, self.folder) if self.preset else None

    @property
    def code(self) -> Path | None:
        """The folder of the user's script, or `None`."""
        return self.folder / self.command.code if self.command and self.command.code is not None else None

    @property
    def dataset(self) -> str | None:
        """The dataset of a preset's trials, as `NAME` or `NAME:VERSION`; `None` for a command."""
        return dataset_of(self.inputs.get("data")) if self.preset else None

    @property
    def seed(self) -> int:
        """The seed of the sampling algorithm."""
        return self.sampling_algorithm.seed

    @property
    def training_seed(self) -> int:
        """The seed of a preset's trainings, the same in all trials."""
        return self.seed if self.preset is None or self.preset.seed is None else self.preset.seed

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the objectives as trials log them; of presets `validation_acc` is `validation_accuracy`."""
        named = [objective.primary_metric for objective in self.objectives]
        return tuple(ALIASES.get(name, name) if self.preset else name for name in named)

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Which way is better, for each of `metrics`."""
        return tuple(objective.goal for objective in self.objectives)

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return SearchSpace(self.search_space)

    @property
    def concurrent(self) -> int | None:
        """At most so many trials at a time; `None` for as many as there is room for.

        A sampler that learns would suggest others on another machine; where nothing is said it goes one by one.
        """
        return self.limits.max_concurrent_trials or (1 if self.sampling_algorithm.waits else None)

    @property
    def setting(self) -> Setting:
        """What the sampler works on."""
        return setting_of(self)

    def sampler(self) -> Sampler:
        """The sampler that the spec describes."""
        return self.sampling_algorithm.sampler(self.setting)

    def policy(self) -> TerminationPolicy | None:
        """The termination policy that the spec describes, or `None`."""
        return self.early_termination

    def identity(self, contents: Mapping[str, str]) -> str:
        """The hash of all that changes a result; `contents` has the hashes of what is only named (dataset, code)."""
        return identity_of(self, contents)

    def to_dict(self) -> dict[str, Any]:
        """What was written, as JSON-ready values that `read_sweep` reads again."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def setting_of(draft: SweepDraft) -> Setting:
    """What the sampler works on, as far as the draft says it."""
    goals = tuple(objective.goal for objective in draft.objectives)
    at_a_time = (draft.limits and draft.limits.max_concurrent_trials) or 1
    total = draft.limits.max_total_trials if draft.limits else MOST_TRIALS
    return Setting(SearchSpace(draft.search_space), goals, at_a_time, total)


def model_at(model: str, folder: Path) -> str:
    """A preset's key as it is; the path of a file as one that starts at `folder`."""
    return str(folder / model) if Path(model).suffix in {".yml", ".yaml"} else model


def dataset_of(given: Any) -> str | None:
    """The dataset that an input names, as text or as data; `None` where it names none."""
    if isinstance(given, DataInput):
        return given.dataset or given.local_path
    return given.removeprefix("azureml:") if isinstance(given, str) else None
