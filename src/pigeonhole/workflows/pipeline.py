"""`pipeline`: a recipe of stages, each taking the artifact of the one before; a finished stage is not done twice.

A stage's key is a hash of what it does and of the artifacts it starts from, so a changed option, image
or weight makes a new key. The key's file is written after the stage has ended, so a kill at any moment
costs at most the stage under way, which goes on by itself where it can (training does).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pigeonhole.core.errors import SpecError
from pigeonhole.core.files import read_json, write_json
from pigeonhole.core.spec import Spec, read_yaml, suggestion, validate
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.stages import STAGES, Artifacts, Stage
from pigeonhole.workflows.train import TrainingView


class PipelineSpec(Spec):
    """A recipe: `type: pipeline` and its stages, each `{verb: {options}}`."""

    type: Literal["pipeline"]
    description: str = ""
    stages: tuple[dict[str, dict[str, Any] | None], ...] = Field(min_length=1)

    @field_validator("stages")
    @classmethod
    def _one_known_verb_each(cls, stages: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for number, stage in enumerate(stages, 1):
            if len(stage) != 1:
                raise ValueError(f"stage {number} has {len(stage)} verbs ({', '.join(stage)}); one each is accepted")
            verb = next(iter(stage))
            if verb not in STAGES:
                raise ValueError(
                    f"stage {number} is {verb!r}{suggestion(verb, list(STAGES))}; accepted: {', '.join(STAGES)}"
                )
        return stages


@dataclass(frozen=True)
class StageOutcome:
    """What became of one stage."""

    stage: str
    artifact: str
    reused: bool
    seconds: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class PipelineOutcome:
    """What became of a recipe."""

    recipe: str
    stages: tuple[StageOutcome, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-ready values."""
        return asdict(self)

    def facts(self, verb: str) -> dict[str, Any]:
        """The result of the last stage of that verb."""
        return next(stage.facts for stage in reversed(self.stages) if stage.stage == verb)


def pipeline(
    recipe: str | Path | Mapping[str, Any],
    *,
    workspace: Workspace | str | Path | None = None,
    note: Callable[[str], None] | None = None,
    view: TrainingView | None = None,
) -> PipelineOutcome:
    """Runs a recipe, going on where an earlier run of it stopped.

    Args:
        recipe: a YAML file, or its content.
        workspace: where artifacts are kept.
        note: told a line before and after each stage; `None` tells nobody.
        view: watches the trainings.

    Raises:
        SpecError: the recipe is wrong; nothing was run.
        PigeonholeError: a stage failed; the stages before it stay done.
    """
    space = Workspace.find(workspace)
    name, planned = _plan(recipe)
    tell = note or (lambda _: None)
    artifacts: Artifacts = {}
    outcomes: list[StageOutcome] = []
    for number, stage in enumerate(planned, 1):
        tell(f"stage {number}/{len(planned)}: {stage.verb}")
        outcome = _advance(space, stage, artifacts, view)
        tell(f"stage {number}/{len(planned)}: {stage.verb} → {outcome.artifact}{' (reused)' if outcome.reused else ''}")
        outcomes.append(outcome)
    return PipelineOutcome(name, tuple(outcomes))


def _plan(recipe: str | Path | Mapping[str, Any]) -> tuple[str, list[Stage]]:
    if isinstance(recipe, Mapping):
        name, value, lines = "the recipe", dict(recipe), None
    else:
        name = str(recipe)
        value, lines = read_yaml(Path(recipe))
    spec = validate(PipelineSpec, value, name, lines)
    planned: list[Stage] = []
    problems: list[str] = []
    made: set[str] = set()
    for number, entry in enumerate(spec.stages):
        verb, options = next(iter(entry.items()))
        line = (lines or {}).get(("stages", number, verb))
        where = f"{name}:{line}" if line else f"{name}, stage {number + 1}"
        try:
            stage = validate(STAGES[verb], options or {}, f"{where} ({verb})")
        except SpecError as error:
            problems.append(error.received)
            continue
        if stage.needs and not getattr(stage, stage.needs) and stage.needs not in made:
            problems.append(f"{where} ({verb}): no stage before it makes a {stage.needs}, and it names none")
        made |= {stage.makes} if stage.makes else set()
        planned.append(stage)
    if problems:
        raise SpecError("\n".join(problems), "the options that `pigeonhole VERB --help` lists", "correct the recipe")
    return name, planned


def _advance(space: Workspace, stage: Stage, artifacts: Artifacts, view: TrainingView | None) -> StageOutcome:
    start = time.perf_counter()
    marker = space.folder("pipelines") / f"{_key(stage, artifacts)}.json"
    done = read_json(marker) if marker.is_file() else None
    facts = stage.recall(space, done["artifact"], artifacts) if done else None
    reused = facts is not None
    if facts is None:
        facts = stage.perform(space, artifacts, view)
        if stage.artifact(facts):
            write_json(marker, {"format_version": 1, "stage": stage.verb, "artifact": stage.artifact(facts)})
    if stage.makes:
        artifacts[stage.makes] = done["artifact"] if reused and done else str(stage.artifact(facts))
    return StageOutcome(stage.verb, stage.describe(facts), reused, time.perf_counter() - start, facts)


def _key(stage: Stage, artifacts: Artifacts) -> str:
    identity = [stage.verb, stage.model_dump(mode="json"), stage.inputs(artifacts)]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
