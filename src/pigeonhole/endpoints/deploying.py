"""`deploy`: puts a model behind an endpoint, as its first deployment, beside the others, or in place of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pigeonhole.core.errors import UsageError, listing
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import records
from pigeonhole.endpoints.changing import WAIT_S, Turn, outcome, turn
from pigeonhole.endpoints.contents import sha256_of
from pigeonhole.endpoints.keys import key_problems, settled_keys
from pigeonhole.endpoints.plans import DEPLOY, NEW, Draft, Slot
from pigeonhole.endpoints.showing import show
from pigeonhole.endpoints.states import HEALTHY
from pigeonhole.endpoints.status import EndpointStatus
from pigeonhole.endpoints.tables import declare
from pigeonhole.endpoints.traffic import Shares, divided, name_problem
from pigeonhole.endpoints.updating import Workers, worker_limits
from pigeonhole.serving.limits import NO_LIMITS, Limits
from pigeonhole.serving.tls import TlsFiles, files

HOST, PORT = "127.0.0.1", 8080


@dataclass(frozen=True)
class _Place:
    """Where and how the endpoint shall listen, whose keys it takes, by how many; `None` leaves that as it is."""

    host: str | None
    port: int | None
    keys: Sequence[str] | None
    workers: tuple[int, int] | None
    tls: TlsFiles | None
    ends_tls: bool


def deploy(
    workspace: Workspace,
    *,
    endpoint: str,
    bundle_folder: Path,
    model: str,
    deployment: str = "blue",
    host: str | None = None,
    port: int | None = None,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    traffic: Shares | None = None,
    keys: Sequence[str] | None = None,
    log_images: bool = True,
    limits: Limits | None = None,
    workers: Workers | None = None,
    tls_certificate: str | Path | None = None,
    tls_key: str | Path | None = None,
    wait_s: float = WAIT_S,
) -> EndpointStatus:
    """Puts a model behind an endpoint, in processes that outlive the caller.

    An endpoint that answers goes on answering with what it has until the new deployment is ready, and keeps that if
    the new one never is. Asking again for what answers already changes nothing.

    Args:
        workspace: where the endpoint is recorded.
        endpoint: its name; made if new.
        bundle_folder: what to serve.
        model: the model version, such as `digits:3`.
        deployment: what to call this deployment. One that has the name is replaced and leaves its share to the new
            one; beside others a new name gets no traffic yet, and alone all of it.
        host: the address to listen on; `None` leaves the endpoint's own, and for a new one means this machine alone.
            Beyond this machine a key is needed, and one is made if none is there.
        port: the port; 0 means any free one, or the one the endpoint has; `None` likewise, and 8080 for a new one.
        cpu: cores asked for; whole ones become threads of the model.
        memory_gib: memory asked for, GiB; a server that uses more than its deployments asked for is started again.
        traffic: percent of the requests by deployment, or `blue=90,green=10`; `None` as said above.
        keys: the keys to accept from now on, one or two; `None` keeps those there are, or makes one where one is
            needed.
        log_images: whether the deployment's prediction log keeps the images, or only statistics of them.
        limits: of its requests, and of how many images its log keeps; `None` sets none.
        workers: the number of server processes, `2` or `1:4`; `None` leaves it, and a new endpoint has one.
        tls_certificate: a PEM file; with it the endpoint answers by TLS alone. Empty ends that; `None` leaves it.
        tls_key: the certificate's key, a PEM file. Both are read again when they change.
        wait_s: how long to wait for the deployment to come to rest; it goes on coming after that.

    Returns:
        The endpoint. `deployed` says whether what was asked for answers; if not, `reason` says why.

    Raises:
        UsageError: a name, a number or a share is unfit, or the files of TLS do not serve.
        ConflictError: another change of the endpoint takes too long.
        NotFoundError: there is no bundle.
        DataError: the bundle has no manifest that can be read.
    """
    _check(workspace, endpoint, deployment, port, cpu, memory_gib, keys)
    slot = Slot(
        name=deployment,
        model=model,
        bundle_folder=str(Path(bundle_folder).resolve()),
        bundle_sha256=sha256_of(Path(bundle_folder)),
        cpu=float(cpu),
        memory_gib=float(memory_gib),
        log_images=log_images,
        limits=limits or NO_LIMITS,
    )
    place = _Place(
        host,
        port,
        keys,
        None if workers is None else worker_limits(workers),
        tls=files(tls_certificate, tls_key),
        ends_tls=tls_certificate == "",
    )
    with turn(workspace, endpoint, replacing=deployment, wait_s=wait_s) as mine:
        draft, new_key = _draft(mine, slot, place, traffic)
        if not new_key and _is_there(mine, draft):
            return dataclasses.replace(show(workspace, endpoint), unchanged=True)
        generation = mine.ask(draft)
    return dataclasses.replace(outcome(workspace, endpoint, generation, wait_s), key=new_key)


def _check(
    workspace: Workspace,
    endpoint: str,
    deployment: str,
    port: int | None,
    cpu: float,
    memory_gib: float,
    keys: Sequence[str] | None,
) -> None:
    # Names that are there already may be of an earlier, wider pattern.
    known = {row["deployment"] for row in records.deployments(declare(workspace.database), endpoint)}
    problems = [] if known else name_problem(endpoint, "endpoint")
    problems += [] if deployment in known else name_problem(deployment, "deployment")
    if port is not None and not 0 <= port <= 65535:
        problems.append(f"port {port}, not from 0 to 65535")
    if not cpu > 0:
        problems.append(f"{cpu:g} cores, not above 0")
    if not memory_gib > 0:
        problems.append(f"{memory_gib:g} GiB of memory, not above 0")
    problems += key_problems(keys)
    if problems:
        raise UsageError(
            f"the deployment:\n{listing(problems)}", "values in their ranges", "correct the options named above"
        )


def _draft(mine: Turn, slot: Slot, place: _Place, traffic: Shares | None) -> tuple[Draft, str | None]:
    """The endpoint as it shall be, and its key if one is made here."""
    present = mine.present or mine.newest
    host = place.host or (present.host if present else HOST)
    hashes, new_key = settled_keys(present.key_hashes if present else (), host, place.keys)
    slots = divided(_with(mine.slots, slot), traffic, None)
    workers = place.workers or (present.workers if present else (1, 1))
    tls = place.tls or (None if place.ends_tls or not present else present.tls)
    return Draft(DEPLOY, host, _port(mine, host, place.port), hashes, slots, workers, tls=tls), new_key


def _port(mine: Turn, host: str, port: int | None) -> int:
    """The port as it is where none is named."""
    if port:
        return port
    if mine.present and mine.present.host == host:
        return mine.present.port
    if port == 0:
        return 0
    return mine.newest.port if mine.newest else PORT


def _with(slots: Sequence[Slot], new: Slot) -> tuple[Slot, ...]:
    """The deployments with a new one, in the place of its name where there is one."""
    if not slots:
        return (dataclasses.replace(new, traffic=100),)
    return tuple(
        dataclasses.replace(new, traffic=slot.traffic, mirror=slot.mirror) if slot.name == new.name else slot
        for slot in slots
    ) + (() if any(slot.name == new.name for slot in slots) else (new,))


def _is_there(mine: Turn, draft: Draft) -> bool:
    """Whether all of it answers already."""
    present = mine.present
    if present is None or mine.newest != present:
        return False
    kept = dataclasses.replace(draft, slots=_bare(draft.slots), restores=None, kind="")
    same = kept == Draft(
        "",
        present.host,
        present.port,
        present.key_hashes,
        _bare(present.slots),
        present.workers,
        tls=present.tls,
    )
    return same and show(mine.workspace, mine.name).state == HEALTHY


def _bare(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    return tuple(dataclasses.replace(slot, generation=NEW, brought=False) for slot in slots)
