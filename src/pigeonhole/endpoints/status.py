"""What can be said of an endpoint and its deployments at one moment. Finds nothing out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment behind an endpoint.

    Attributes:
        name: `blue`, unless it was given another.
        model: the model version.
        state: one of the five states.
        reason: why it is in that state.
        remedy: what to do about it; empty where nothing is to be done.
        share: percent of the requests that it answers.
        mirror: percent of the requests of which it gets a copy, unanswered.
        pid: its server process, `None` while there is none; deployments of an endpoint share it.
        cpu: cores asked for.
        memory_gib: memory asked for.
        restarts: how often its server was started again.
        generation: counts the endpoint's deployments.
        bundle_folder: the bundle it serves …
        bundle_sha256: … and its content hash.
        created_at: when it was asked for.
        updated_at: when its state was last recorded.
    """

    name: str
    model: str
    state: str
    reason: str
    remedy: str
    share: int
    mirror: int
    pid: int | None
    cpu: float
    memory_gib: float
    restarts: int
    generation: int
    bundle_folder: str
    bundle_sha256: str
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class EndpointStatus:
    """An endpoint as it is now.

    Attributes:
        name: its name.
        url: where it answers; `url + "/score"` takes images.
        state: that of the deployments that answer, the worst of them; or of the newest where none does.
        reason: why it is in that state.
        remedy: what to do about it; empty where nothing is to be done.
        deployments: those that answer, and one that is coming or failed to come.
        pids: the processes that make it up, the supervisor first.
        needs_key: whether requests need `Authorization: Bearer KEY`.
        workers: the least and the greatest number of server processes.
        key: the key, if `deploy` made one just now: it is shown this once.
        deployed: from whatever changes it: whether what was asked for answers now.
        unchanged: likewise: it was so already, and nothing was started.
    """

    name: str
    url: str
    state: str
    reason: str
    remedy: str
    deployments: tuple[DeploymentStatus, ...]
    pids: tuple[int, ...]
    needs_key: bool
    workers: tuple[int, int] = (1, 1)
    key: str | None = None
    deployed: bool = True
    unchanged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        value = dataclasses.asdict(self)
        return {**value, "deployments": list(value["deployments"]), "pids": list(self.pids)}
