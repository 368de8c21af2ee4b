"""`lineage`: the walk from an artifact back to the images it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pigeonhole import data, endpoints, tracking
from pigeonhole.core.errors import NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.runs import describe, find_run, members_of


@dataclass(frozen=True)
class Step:
    """One artifact on the way back.

    Attributes:
        kind: endpoint, deployment, model, bundle, run, dataset or source.
        name: its own.
        facts: what there is to know of it, in a line.
        member_of: the run of an ensemble that it is a member of, beside others; empty for what came one from another.
    """

    kind: str
    name: str
    facts: str
    member_of: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The step as JSON-ready values."""
        return asdict(self)


def lineage(artifact: str, *, workspace: Workspace | str | Path | None = None) -> list[Step]:
    """The artifact and all that it came from, from the youngest to the oldest.

    Args:
        artifact: an endpoint, a model (`digits@champion`), a run or a dataset; the first of these that has the name.
        workspace: where to look.

    Raises:
        NotFoundError: nothing has that name.
    """
    space = Workspace.find(workspace)
    walks: list[Callable[[Workspace, str], Iterator[Step]]] = [_of_endpoint, _of_model, _of_run, _of_dataset]
    for walk in walks:
        try:
            return list(walk(space, artifact))
        except (NotFoundError, UsageError):
            continue
    raise NotFoundError(
        f"nothing is called {artifact!r} in {space.root}",
        "an endpoint, a model (NAME@ALIAS, NAME:VERSION), a run or a dataset (NAME:VERSION)",
        "pigeonhole status shows what there is",
    )


def _of_endpoint(space: Workspace, name: str) -> Iterator[Step]:
    status = endpoints.show(space, name)
    yield Step("endpoint", status.name, f"{status.state} at {status.url}")
    for deployment in status.deployments:
        yield Step("deployment", deployment.name, f"serves {deployment.model}")
        if Path(deployment.model).is_dir():
            yield Step("bundle", deployment.bundle_sha256[:12], deployment.bundle_folder)
        else:
            yield from _of_model(space, deployment.model)


def _of_model(space: Workspace, ref: str) -> Iterator[Step]:
    version = tracking.resolve(space, ref)
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield Step("model", version.ref, f"registered {version.created_at}{aliases}")
    yield Step(version.kind, version.bundle_sha256[:12], str(version.folder))
    if version.run_id:
        yield from _of_run(space, version.run_id)
    elif version.dataset:
        yield from _of_dataset(space, version.dataset)


def _of_run(space: Workspace, ref: str) -> Iterator[Step]:
    found = find_run(space, ref)
    run = describe(found)
    yield Step("run", run.run_id, f"{run.model}, seed {run.seed}, {run.created_at}")
    if run.parent:
        yield from (step for step in _of_run(space, run.parent.partition(":")[0]) if step.kind == "run")
    for member in members_of(found):
        own, *others = (step for step in _of_run(space, member) if step.kind == "run")
        yield from (replace(own, member_of=run.run_id), *others)
    yield from _of_dataset(space, run.dataset)


def _of_dataset(space: Workspace, ref: str) -> Iterator[Step]:
    found = data.open_dataset(space, ref)
    yield Step("dataset", found.ref, f"{len(found.labels_N):,} images, sha256 {found.sha256[:12]}")
    facts = found.to_dict()
    yield Step("source", str(facts["source"]), "")
