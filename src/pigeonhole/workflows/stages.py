"""The stages of a pipeline: for each verb, its options, what it starts from, and whether an old result still stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from pigeonhole.automl.settings import from_command
from pigeonhole.batch import BatchOptions
from pigeonhole.core.errors import NotFoundError, SpecError
from pigeonhole.core.files import tree_stamp
from pigeonhole.core.spec import Spec
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows import (
    batch,
    datasets,
    deploy,
    endpoints,
    evaluate,
    ingest,
    monitor,
    register,
    registry,
    runs,
    train,
)
from pigeonhole.workflows.automl import request as automl_request
from pigeonhole.workflows.train import TrainingView

Facts = dict[str, Any]
Artifacts = dict[str, str]


class Stage(Spec):
    """One stage: options from the recipe, artifacts (by kind) from the stages before.

    A stage that needs an artifact has an option of the same name, which goes before what was handed on.
    """

    verb: ClassVar[str]
    needs: ClassVar[str | None] = None
    makes: ClassVar[str | None] = None

    def inputs(self, artifacts: Artifacts) -> list[str]:
        """What it starts from, as names of immutable artifacts; part of the stage's key."""
        return [self.given(artifacts)]

    def given(self, artifacts: Artifacts) -> str:
        """The artifact it needs: the one its option names, else the one handed on."""
        kind = str(self.needs)
        named: str | None = getattr(self, kind)
        return named or artifacts[kind]

    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        """Does the work and returns the verb's result; `view` watches a training."""
        raise TypeError(f"{self.verb} does no work: {space}, {artifacts}, {view}")

    def artifact(self, facts: Facts) -> str | None:
        """The name under which the result is found again; `None` for a reading that is taken anew each time."""
        return self.describe(facts)

    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        """The old result if it still stands, else `None`."""
        del space, artifact, artifacts
        return None

    def describe(self, facts: Facts) -> str:
        """The result in a few words."""
        raise TypeError(f"{self.verb} has no result: {facts}")


class IngestStage(Stage):
    """`ingest: {source, name, …}`."""

    verb = "ingest"
    makes = "dataset"
    source: str
    name: str
    test: float | None = Field(None, ge=0, le=0.9)
    validation: float = Field(0.1, ge=0, le=0.9)
    seed: int = Field(0, ge=0)
    groups: tuple[str, ...] | None = None
    group_by: str | None = None
    label: str | None = None
    classes: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None

    @field_validator("groups", mode="before")
    @classmethod
    def _one_or_several(cls, groups: Any) -> Any:
        return (groups,) if isinstance(groups, str) else groups

    @override
    def inputs(self, artifacts: Artifacts) -> list[str]:
        return [tree_stamp(Path(path)) for path in (self.source, *(self.groups or ())) if Path(path).exists()]

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        options = self.model_dump(exclude={"source"})
        return ingest.ingest(self.source, workspace=space, **options).to_dict()

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        return _still(lambda: datasets.dataset(artifact, workspace=space).to_dict())

    @override
    def describe(self, facts: Facts) -> str:
        return str(facts["dataset"])


class TrainStage(Stage):
    """`train: {dataset, model, set, seed}`."""

    verb = "train"
    needs = "dataset"
    makes = "run"
    dataset: str | None = None
    model: str = "cnn"
    set: dict[str, Any] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        return train.train(
            self.given(artifacts), model=self.model, settings=self.set, seed=self.seed, workspace=space, view=view
        ).to_dict()

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        return _still(lambda: runs.run(artifact, workspace=space).to_dict())

    @override
    def describe(self, facts: Facts) -> str:
        return str(facts["run_id"])


class AutomlStage(Stage):
    """`automl: {dataset, budget, metric, folds, allow, block, set, seed}`; hands on the run of the best model."""

    verb = "automl"
    needs = "dataset"
    makes = "run"
    dataset: str | None = None
    budget: float | str | None = None
    metric: str | None = None
    folds: int | str | None = None
    allow: str | tuple[str, ...] = ()
    block: str | tuple[str, ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _right_before_anything_runs(self) -> Self:
        try:
            from_command(self.dataset or "dataset", **self._words())
        except SpecError as error:
            raise ValueError(f"what is searched for: {error.received}") from error
        return self

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        return automl_request.automl(self.given(artifacts), **self._words(), workspace=space).to_dict()

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        return _still(lambda: runs.run(artifact, workspace=space).to_dict())

    @override
    def describe(self, facts: Facts) -> str:
        return str(facts["run_id"])

    def _words(self) -> dict[str, Any]:
        names = ("budget", "metric", "folds", "allow", "block", "seed")
        return {**{name: getattr(self, name) for name in names}, "settings": self.set}


class EvaluateStage(Stage):
    """`evaluate: {run}`."""

    verb = "evaluate"
    needs = "run"
    makes = "run"
    run: str | None = None

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        return evaluate.evaluate(self.given(artifacts), workspace=space).to_dict()

    @override
    def artifact(self, facts: Facts) -> str:
        return str(facts["run_id"])

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        return _still(lambda: evaluate.read_report(artifact, workspace=space).to_dict())

    @override
    def describe(self, facts: Facts) -> str:
        return f"{facts['accuracy']['value']:.2%} {facts['split']} accuracy"


class RegisterStage(Stage):
    """`register: {run, as, min_accuracy}`."""

    verb = "register"
    needs = "run"
    makes = "model"
    run: str | None = None
    name: str = Field(alias="as")
    min_accuracy: float | None = Field(None, ge=0, le=1)

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        return register.register(
            self.given(artifacts), name=self.name, min_accuracy=self.min_accuracy, workspace=space
        ).to_dict()

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        facts = _still(lambda: registry.model(artifact, workspace=space).to_dict())
        return facts if facts and facts["run_id"] == self.given(artifacts) else None

    @override
    def describe(self, facts: Facts) -> str:
        return str(facts["ref"])


class DeployStage(Stage):
    """`deploy: {model, endpoint, port, host, cpu, memory, deployment, image_log}`."""

    verb = "deploy"
    needs = "model"
    makes = "endpoint"
    model: str | None = None
    endpoint: str
    port: int = Field(8080, ge=0, le=65535)
    host: str = "127.0.0.1"
    cpu: float = Field(1.0, gt=0)
    memory: float = Field(1.0, gt=0)
    deployment: str = "blue"
    image_log: bool | dict[str, float] = True
    request_settings: dict[str, int] = Field(default_factory=dict)
    workers: int | str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        status = deploy.deploy(
            self.given(artifacts),
            endpoint=self.endpoint,
            host=self.host,
            port=self.port,
            cpu=self.cpu,
            memory_gib=self.memory,
            deployment=self.deployment,
            log_images=self.image_log is not False,
            request_settings=self.request_settings,
            image_log=self.image_log if isinstance(self.image_log, dict) else None,
            workers=self.workers,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
            workspace=space,
        )
        deploy.require_deployed(status)
        return status.to_dict()

    @override
    def artifact(self, facts: Facts) -> str:
        return str(facts["name"])

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        facts = _still(lambda: endpoints.endpoint(artifact, workspace=space).to_dict())
        model = self.given(artifacts)
        serving = facts is not None and any(item["model"] == model and item["share"] for item in facts["deployments"])
        return facts if facts and serving and facts["state"] == "Healthy" else None

    @override
    def describe(self, facts: Facts) -> str:
        key = f", with the key {facts['key']}, which is shown this once" if facts["key"] else ""
        return f"{facts['name']} {facts['state']} at {facts['url']}{key}"


class BatchStage(Stage):
    """`batch: {model, source, out, …}`, with the options of the verb beside them."""

    verb = "batch"
    needs = "model"
    model: str | None = None
    source: str
    out: str
    options: BatchOptions = Field(default_factory=BatchOptions)

    @model_validator(mode="before")
    @classmethod
    def _options_beside_the_rest(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name: value[name] for name in value if name in {"model", "source", "out"}}
        return {**own, "options": {name: value[name] for name in value if name not in own}}

    @override
    def inputs(self, artifacts: Artifacts) -> list[str]:
        place = Path(self.source).expanduser()
        return [self.given(artifacts), *([tree_stamp(place)] if place.exists() else [])]

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        options = self.options.model_dump()
        return batch.batch(self.given(artifacts), self.source, out=self.out, options=options, workspace=space).to_dict()

    @override
    def artifact(self, facts: Facts) -> str:
        return str(facts["out"])

    @override
    def recall(self, space: Workspace, artifact: str, artifacts: Artifacts) -> Facts | None:
        done = batch.still_stands(self.given(artifacts), artifact, workspace=space)
        return None if done is None else done.to_dict()

    @override
    def describe(self, facts: Facts) -> str:
        return f"{facts['predicted']:,} of {facts['images']:,} images predicted, in {facts['out']}"


class MonitorStage(Stage):
    """`monitor: {endpoint, window}`; a reading, taken anew each time."""

    verb = "monitor"
    needs = "endpoint"
    endpoint: str | None = None
    window: str = "all"

    @override
    def perform(self, space: Workspace, artifacts: Artifacts, view: TrainingView | None = None) -> Facts:
        return monitor.monitor(self.given(artifacts), window=self.window, workspace=space).to_dict()

    @override
    def artifact(self, facts: Facts) -> None:
        del facts

    @override
    def describe(self, facts: Facts) -> str:
        return f"{facts['requests']:,} requests so far"


STAGES: dict[str, type[Stage]] = {
    stage.verb: stage
    for stage in (
        IngestStage,
        TrainStage,
        AutomlStage,
        EvaluateStage,
        RegisterStage,
        BatchStage,
        DeployStage,
        MonitorStage,
    )
}


def _still(find: Callable[[], Facts]) -> Facts | None:
    try:
        return find()
    except NotFoundError:
        return None
