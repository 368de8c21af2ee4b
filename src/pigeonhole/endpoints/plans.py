"""What an endpoint is to be: its deployments with their shares, where it listens, whose keys it takes. No records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.serving.limits import NO_LIMITS, Limits
from pigeonhole.serving.tls import TlsFiles

DEPLOY, UPDATE, REMOVE, ROLLBACK, KEYS, WORKERS = "deploy", "update", "rm", "rollback", "keys", "workers"
# These change what answers; a rollback goes back behind one of them.
OF_DEPLOYMENTS = (DEPLOY, UPDATE, REMOVE, ROLLBACK)
PENDING, DONE, REFUSED, GIVEN_UP = "pending", "done", "refused", "given up"
NEW = 0


@dataclass(frozen=True)
class Slot:
    """One deployment as a change wants it.

    Attributes:
        name: the deployment's name.
        model: the model version.
        bundle_folder: what it serves …
        bundle_sha256: … and its content hash.
        cpu: cores asked for.
        memory_gib: memory asked for, GiB.
        traffic: percent of the requests that it answers.
        mirror: percent of the requests of which it gets a copy, unanswered.
        generation: the change that made this deployment; `NEW` while it is not on record.
        brought: whether it did not run before this change.
        log_images: whether its prediction log keeps the images.
        limits: of its requests and its image log.
    """

    name: str
    model: str
    bundle_folder: str
    bundle_sha256: str
    cpu: float
    memory_gib: float
    traffic: int = 0
    mirror: int = 0
    generation: int = NEW
    brought: bool = False
    log_images: bool = True
    limits: Limits = NO_LIMITS


@dataclass(frozen=True)
class Draft:
    """A change to be asked for: the endpoint as it shall be.

    Attributes:
        kind: the command that asks for it.
        host: the address to listen on.
        port: the port; 0 means any free one.
        key_hashes: SHA-256 of the keys, the primary one first; none means that nobody needs a key.
        slots: the deployments.
        workers: the least and the greatest number of server processes.
        restores: the number of the change whose deployments a rollback brings back.
        tls: the files by which it speaks TLS; `None` where it does not.
    """

    kind: str
    host: str
    port: int
    key_hashes: tuple[str, ...]
    slots: tuple[Slot, ...]
    workers: tuple[int, int] = (1, 1)
    restores: int | None = None
    tls: TlsFiles | None = None


@dataclass(frozen=True)
class Change(Draft):
    """A change that was asked for.

    Attributes:
        generation: counts the endpoint's changes.
        outcome: pending, done, refused (its reason is told), or given up for a later one.
        reason: why it was refused; of a rollback that nobody asked for, why it came about.
        remedy: what to do about that.
        asked_at: when.
        settled_at: when it was done, refused or given up.
    """

    generation: int = 0
    outcome: str = PENDING
    reason: str = ""
    remedy: str = ""
    asked_at: str = ""
    settled_at: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON, with its deployments in words as `described`."""
        value = dataclasses.asdict(self)
        del value["key_hashes"]  # nobody's business: a key that somebody chose might be guessed from it
        words = described(self.slots)
        if self.kind == WORKERS:
            words += f"; workers {self.workers[0]}:{self.workers[1]}"
        return {**value, "slots": list(value["slots"]), "described": words}


def described(slots: Sequence[Slot]) -> str:
    """In one line: `blue digits:3 90%, green digits:4 10% and a copy of 10%`."""
    if not slots:
        return "no deployment"
    copies = {slot.name: f" and a copy of {slot.mirror}%" if slot.mirror else "" for slot in slots}
    return ", ".join(f"{slot.name} {slot.model} {slot.traffic}%{copies[slot.name]}" for slot in slots)
