"""The way back: an endpoint's deployments and shares as they were before a change, and the list of its changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pigeonhole.core.errors import ConflictError, NotFoundError, PigeonholeError, listing
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints import changes
from pigeonhole.endpoints.changing import WAIT_S, Turn, outcome, turn_of_known
from pigeonhole.endpoints.contents import sha256_of
from pigeonhole.endpoints.plans import DONE, OF_DEPLOYMENTS, ROLLBACK, Change, described
from pigeonhole.endpoints.showing import not_found
from pigeonhole.endpoints.status import EndpointStatus
from pigeonhole.endpoints.tables import declare


def rollback(
    workspace: Workspace, name: str, *, to: int | None = None, wait_s: float = WAIT_S
) -> tuple[EndpointStatus, str]:
    """Brings back the deployments and their shares as they were before the last change. Keys and port stay.

    A second rollback goes one change further back, as undoing does everywhere; `to` goes to any change.

    Args:
        workspace: where the endpoint is recorded.
        name: the endpoint.
        to: the number of a change, as `history` lists them; `None` goes behind the last one.
        wait_s: how long to wait for it to take effect.

    Returns:
        The endpoint, and what it went back to, in words.

    Raises:
        NotFoundError: there is no such endpoint, or no change of that number.
        ConflictError: nothing came before, or a bundle that was served then is not there any more.
    """
    with turn_of_known(workspace, name) as mine:
        goal = _goal(mine, to)
        _check_bundles(goal)
        draft = dataclasses.replace(mine.draft(ROLLBACK, goal.slots), restores=goal.generation)
        generation = mine.ask(draft)
    status = outcome(workspace, name, generation, wait_s)
    return status, f"change {goal.generation} ({goal.kind}, {goal.asked_at}): {described(goal.slots)}"


def _goal(mine: Turn, to: int | None) -> Change:
    """The change whose deployments and shares are wanted back."""
    done = {
        change.generation: change
        for change in changes.history(mine.database, mine.name)
        if change.outcome == DONE and change.kind in OF_DEPLOYMENTS
    }
    if to is not None and to not in done:
        raise NotFoundError(
            f"the change {to} of the endpoint {mine.name}",
            f"one of {', '.join(map(str, done))}" if done else "a change that was done",
            f"pigeonhole endpoints history {mine.name}",
        )
    found = done.get(to) if to is not None else _before_the_last(list(done.values()))
    if found is None:
        raise ConflictError(
            f"the endpoint {mine.name}, which has nothing to go back to",
            "an endpoint that was changed since it was made",
            f"pigeonhole endpoints history {mine.name}",
        )
    return found


def _before_the_last(done: Sequence[Change]) -> Change | None:
    """Behind the last change that was no way back; a rollback stands where the change that it restored stands."""
    place = len(done) - 1
    by_number = {change.generation: index for index, change in enumerate(done)}
    while place > 0 and done[place].restores is not None:
        place = by_number[done[place].restores or 0]
    return _not_a_rollback(done, place - 1, by_number)


def _not_a_rollback(done: Sequence[Change], place: int, by_number: dict[int, int]) -> Change | None:
    if place < 0:
        return None
    while done[place].restores is not None:
        place = by_number[done[place].restores or 0]
    return done[place]


def _check_bundles(goal: Change) -> None:
    """What was served then must be there still, and be the same."""
    problems = []
    for slot in goal.slots:
        try:
            same = sha256_of(Path(slot.bundle_folder)) == slot.bundle_sha256
        except PigeonholeError as error:
            problems.append(f"{slot.name} ({slot.model}): {error.received}")
            continue
        if not same:
            problems.append(f"{slot.name} ({slot.model}): {slot.bundle_folder} holds another bundle now")
    if problems:
        raise ConflictError(
            f"change {goal.generation} cannot come back:\n{listing(problems)}",
            "a change whose bundles are still there",
            "deploy what is wanted (pigeonhole deploy), or go to another change with --to",
        )


def history(workspace: Workspace, name: str) -> list[Change]:
    """The changes of an endpoint, the oldest first, with what became of each.

    Raises:
        NotFoundError: there is no such endpoint.
    """
    found = changes.history(declare(workspace.database), name)
    if not found:
        raise not_found(workspace.database, name)
    return found
