"""Keys of an endpoint, primary and secondary: made, shown once, kept as hashes, regenerated one at a time."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.errors import ConflictError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import changes
from pigeonhole.endpoints.changing import WAIT_S, outcome, turn_of_known
from pigeonhole.endpoints.plans import KEYS
from pigeonhole.endpoints.showing import not_found
from pigeonhole.endpoints.tables import declare
from pigeonhole.serving import hash_key
from pigeonhole.serving.auth import is_loopback

PRIMARY, SECONDARY = "primary", "secondary"
WHICH = (PRIMARY, SECONDARY)
_SHOWN = 8
_LEAST = 8


@dataclass(frozen=True)
class EndpointKeys:
    """The keys that an endpoint takes.

    Attributes:
        name: the endpoint.
        fingerprints: primary or secondary → the first digits of its SHA-256; the key itself is kept nowhere.
        regenerated: which key was made just now, `None` for neither.
        key: that key: it is shown this once.
        taken: whether the endpoint takes it already; if not, `reason` says why.
        reason: why the endpoint does not take the new key (yet).
    """

    name: str
    fingerprints: dict[str, str]
    regenerated: str | None = None
    key: str | None = None
    taken: bool = True
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return dataclasses.asdict(self)


def show_keys(workspace: Workspace, name: str) -> EndpointKeys:
    """Which keys an endpoint takes.

    Raises:
        NotFoundError: there is no such endpoint.
    """
    database = declare(workspace.database)
    present = changes.in_effect(database, name) or changes.newest(database, name)
    if present is None:
        raise not_found(database, name)
    return EndpointKeys(name, _fingerprints(present.key_hashes))


def regenerate(workspace: Workspace, name: str, which: str, *, wait_s: float = WAIT_S) -> EndpointKeys:
    """Makes one of an endpoint's keys anew. The other goes on working, and no request is refused meanwhile.

    A connection that was there before may carry one more request with the key of that time, for ten seconds.

    Args:
        workspace: where the endpoint is recorded.
        name: the endpoint.
        which: `primary` or `secondary`.
        wait_s: how long to wait until the endpoint takes it.

    Raises:
        UsageError: neither of the two.
        NotFoundError: there is no such endpoint.
        ConflictError: a secondary key where there is no primary one, or another change takes too long.
    """
    if which not in WHICH:
        raise UsageError(f"the key {which!r}", " or ".join(WHICH), "name one of the two")
    key = secrets.token_urlsafe(32)
    with turn_of_known(workspace, name) as mine:
        draft = mine.draft(KEYS, mine.slots)
        hashes = list(draft.key_hashes)
        if not hashes and which == SECONDARY:
            raise ConflictError(
                f"a secondary key for the endpoint {name}, which takes requests without any key",
                "a primary key first; from then on every request needs a key",
                f"pigeonhole endpoints keys {name} --regenerate {PRIMARY}",
            )
        hashes[WHICH.index(which) : WHICH.index(which) + 1] = [hash_key(key)]
        generation = mine.ask(dataclasses.replace(draft, key_hashes=tuple(hashes)))
    status = outcome(workspace, name, generation, wait_s)
    taken = _is_taken(workspace, name, generation)
    return EndpointKeys(name, _fingerprints(tuple(hashes)), which, key, taken, "" if taken else status.reason)


def settled_keys(kept: tuple[str, ...], host: str, keys: Sequence[str] | None) -> tuple[tuple[str, ...], str | None]:
    """The hashes of the keys to accept, and the key itself if it is made here.

    Args:
        kept: the hashes as they are.
        host: where the endpoint listens; beyond this machine it needs a key.
        keys: the keys named; a single one that is taken already leaves the other as it is.
    """
    if keys:
        hashes = tuple(hash_key(key) for key in keys)
        return (kept if len(hashes) == 1 and hashes[0] in kept else hashes), None
    hashes = kept if keys is None else ()
    if hashes or is_loopback(host):
        return hashes, None
    key = secrets.token_urlsafe(32)
    return (hash_key(key),), key


def key_problems(keys: Sequence[str] | None) -> list[str]:
    """What speaks against keys that somebody chose."""
    problems = []
    if keys is not None and any(len(key) < _LEAST or not key.isascii() or " " in key for key in keys):
        problems.append(f"a key of fewer than {_LEAST} characters, or with spaces or other than ASCII in it")
    if keys is not None and len(keys) > len(WHICH):
        problems.append(f"{len(keys)} keys, more than a primary and a secondary one")
    return problems


def _is_taken(workspace: Workspace, name: str, generation: int) -> bool:
    present = changes.in_effect(workspace.database, name)
    return present is not None and present.generation >= generation


def _fingerprints(hashes: Sequence[str]) -> dict[str, str]:
    return {which: kept[:_SHOWN] for which, kept in zip(WHICH, hashes, strict=False)}
