"""Changes of who answers what: shares dealt out anew, workers more or fewer, deployments taken away."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints.changing import WAIT_S, outcome, turn_of_known
from pigeonhole.endpoints.logfile import folder_of, switch_access_log
from pigeonhole.endpoints.plans import REMOVE, UPDATE, WORKERS, Slot
from pigeonhole.endpoints.showing import show
from pigeonhole.endpoints.status import EndpointStatus
from pigeonhole.endpoints.traffic import Shares, divided

Workers = str | int | tuple[int, int]


def update(
    workspace: Workspace,
    name: str,
    *,
    traffic: Shares | None = None,
    mirror: Shares | None = None,
    workers: Workers | None = None,
    access_log: bool | None = None,
    wait_s: float = WAIT_S,
) -> EndpointStatus:
    """Divides an endpoint's traffic anew, or gives it more or fewer workers, without losing a request.

    Args:
        workspace: where the endpoint is recorded.
        name: the endpoint.
        traffic: percent of the requests by deployment, 0 or 100 in all, or `blue=90,green=10`; a deployment not named
            gets none. `None` leaves the traffic as it is.
        mirror: percent of the requests of which one deployment gets a copy, unanswered: at most 50. `None` leaves it.
        workers: the number of server processes, each of which holds all deployments: `2`, or `1:4` for one, and up to
            four where requests wait. `None` leaves it.
        access_log: whether the endpoint's servers write a line for each answer into `access.jsonl` beside its log.
            `None` leaves it; a new endpoint writes none.
        wait_s: how long to wait for it to take effect.

    Returns:
        The endpoint. `deployed` says whether it is so now; if not, `reason` says why.

    Raises:
        UsageError: nothing to change, or shares or workers that are unfit; all problems are named.
        NotFoundError: there is no such endpoint.
        ConflictError: nothing answers there yet, or another change takes too long.
    """
    if traffic is None and mirror is None and workers is None and access_log is None:
        raise UsageError(
            f"nothing to change on the endpoint {name}",
            "traffic, mirror, workers or access log",
            f"for example: pigeonhole endpoints update {name} --traffic blue=90,green=10",
        )
    with turn_of_known(workspace, name) as mine:
        divides = traffic is not None or mirror is not None
        draft = mine.draft(UPDATE if divides else WORKERS, divided(mine.slots, traffic, mirror))
        draft = dataclasses.replace(draft, workers=draft.workers if workers is None else worker_limits(workers))
        same = (draft.slots, draft.workers) == (mine.slots, mine.present.workers if mine.present else None)
        switched = switch_access_log(folder_of(workspace, name), access_log)
        if same and not switched and mine.newest == mine.present:
            return dataclasses.replace(show(workspace, name), unchanged=True)
        generation = mine.ask(draft)
    return outcome(workspace, name, generation, wait_s)


def worker_limits(workers: Workers) -> tuple[int, int]:
    """The least and the greatest number of workers: `2` is two, `1:4` is one to four.

    Raises:
        UsageError: neither.
    """
    text = ":".join(map(str, workers)) if isinstance(workers, tuple) else str(workers)
    match = re.fullmatch(r"([0-9]{1,3})(?::([0-9]{1,3}))?", text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= low <= high:
        raise UsageError(
            f"the workers {text[:20]!r}", "a number such as 2, or a range such as 1:4", "correct --workers"
        )
    return low, high


def remove_deployment(workspace: Workspace, name: str, deployment: str, *, wait_s: float = WAIT_S) -> EndpointStatus:
    """Takes a deployment without traffic away from its endpoint.

    Raises:
        NotFoundError: there is no such endpoint or deployment.
        ConflictError: it gets traffic, or is the only one.
    """
    with turn_of_known(workspace, name) as mine:
        draft = mine.draft(REMOVE, mine.slots)
        rest = tuple(slot for slot in mine.slots if slot.name != deployment)
        gone = next((slot for slot in mine.slots if slot.name == deployment), None)
        if gone is None:
            known = [slot.name for slot in mine.slots]
            raise NotFoundError(
                f"the deployment {deployment!r} of the endpoint {name}{suggestion(deployment, known)}",
                f"one of {', '.join(known)}",
                f"pigeonhole endpoints show {name}",
            )
        _check_removable(name, gone, rest)
        generation = mine.ask(dataclasses.replace(draft, slots=rest))
    return outcome(workspace, name, generation, wait_s)


def _check_removable(name: str, gone: Slot, rest: Sequence[Slot]) -> None:
    if not rest:
        raise ConflictError(
            f"the deployment {gone.name}, the only one of the endpoint {name}",
            "a deployment beside others",
            f"stop the whole endpoint: pigeonhole endpoints stop {name}",
        )
    if gone.traffic:
        raise ConflictError(
            f"the deployment {gone.name}, which gets {gone.traffic}% of the traffic of the endpoint {name}",
            "a deployment that gets none",
            f"give its share to another first: pigeonhole endpoints update {name} --traffic {rest[0].name}=100",
        )
