"""The history of an endpoint: each change asked for, the deployments and shares it led to, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database, Row, Transaction
from pigeonhole.endpoints import records
from pigeonhole.endpoints.plans import (
    DEPLOY,
    DONE,
    GIVEN_UP,
    OF_DEPLOYMENTS,
    PENDING,
    REFUSED,
    REMOVE,
    ROLLBACK,
    UPDATE,
    Change,
    Draft,
    Slot,
)
from pigeonhole.endpoints.states import FAILED, UNSCHEDULABLE
from pigeonhole.serving.limits import Limits
from pigeonhole.serving.tls import TlsFiles

_ALL = 2**31 - 1
_AS_IT_IS = (
    *("generation", "kind", "host", "port", "restores"),
    *("outcome", "reason", "remedy", "asked_at", "settled_at"),
)


def newest(database: Database | Transaction, name: str) -> Change | None:
    """The newest change of an endpoint that there is."""
    return _one(_find(database, name, limit=1))


def in_effect(database: Database | Transaction, name: str) -> Change | None:
    """The newest change that was done: what answers, or answered before everything was killed."""
    return _one(_find(database, name, " AND c.outcome = ?", (DONE,), limit=1))


def find(database: Database, name: str, generation: int) -> Change | None:
    """A change by its number; `None` where the endpoint has none of it."""
    return _one(_find(database, name, " AND c.generation = ?", (generation,)))


def history(database: Database | Transaction, name: str) -> list[Change]:
    """The changes of an endpoint since it was made, the oldest first."""
    return _find(database, name)


def _one(found: Sequence[Change]) -> Change | None:
    return found[-1] if found else None


def _find(
    database: Database | Transaction, name: str, which: str = "", values: Sequence[Any] = (), limit: int = _ALL
) -> list[Change]:
    """The newest `limit` of the changes that fit, the oldest of them first."""
    rows = database.execute(
        "SELECT c.* FROM endpoint_changes c JOIN endpoints e ON e.name = c.endpoint WHERE c.endpoint = ?"  # noqa: S608
        f" AND c.generation >= e.first_generation{which} ORDER BY c.generation DESC LIMIT ?",
        (name, *values, limit),
    )
    rows.reverse()
    slots = _slots(database, name, rows[0]["generation"], rows[-1]["generation"]) if rows else {}
    return [_change(row, slots.get(row["generation"], [])) for row in rows]


def _slots(database: Database | Transaction, name: str, first: int, last: int) -> dict[int, list[Slot]]:
    """Generation → the deployments that the change wanted, in the order in which they were made."""
    found = database.execute(
        "SELECT s.generation AS change, s.traffic AS asked_traffic, s.mirror AS asked_mirror, s.brought, d.* FROM"
        " endpoint_shares s JOIN endpoint_deployments d ON d.endpoint = s.endpoint"
        " AND d.generation = s.deployment_generation WHERE s.endpoint = ? AND s.generation BETWEEN ? AND ?"
        " ORDER BY s.generation, d.generation",
        (name, first, last),
    )
    slots: dict[int, list[Slot]] = {}
    for row in found:
        slots.setdefault(row["change"], []).append(_slot(row))
    return slots


def _slot(row: Row) -> Slot:
    return Slot(
        name=row["deployment"],
        model=row["model"],
        bundle_folder=row["bundle_folder"],
        bundle_sha256=row["bundle_sha256"],
        cpu=row["cpu"],
        memory_gib=row["memory_gib"],
        log_images=bool(row["log_images"]),
        limits=Limits(**json.loads(row["limits"])),
        traffic=row["asked_traffic"],
        mirror=row["asked_mirror"],
        generation=row["generation"],
        brought=bool(row["brought"]),
    )


def _change(row: Row, slots: Sequence[Slot]) -> Change:
    facts = {key: row[key] for key in _AS_IT_IS}
    return Change(
        **facts,
        key_hashes=tuple(json.loads(row["key_hashes"])),
        workers=(row["workers_min"], row["workers_max"]),
        slots=tuple(slots),
        tls=TlsFiles(row["tls_certificate"], row["tls_key"]) if row["tls_certificate"] else None,
    )


def ask(database: Database, name: str, draft: Draft) -> int:
    """Asks for a change.

    Returns:
        Its generation.
    """
    with database.transaction() as transaction:
        return _ask(transaction, name, draft, "")


def take_back(database: Database, name: str, generation: int, why: str) -> bool:
    """Asks for what was there before a change that came to grief, unless that is known to be no better.

    Returns:
        False where nothing came before it, it was a way back itself, or something else was asked for meanwhile.
    """
    with database.transaction() as transaction:
        done = [change for change in history(transaction, name) if change.outcome == DONE]
        last = newest(transaction, name)
        if last is None or last.generation != generation or last.kind not in (DEPLOY, UPDATE, REMOVE):
            return False
        before = [change for change in done if change.generation < generation and change.kind in OF_DEPLOYMENTS]
        if not before:
            return False
        draft = Draft(
            ROLLBACK,
            last.host,
            last.port,
            last.key_hashes,
            before[-1].slots,
            last.workers,
            before[-1].generation,
            last.tls,
        )
        _ask(transaction, name, draft, f"change {generation} was taken back: {why}")
        return True


def _ask(transaction: Transaction, name: str, draft: Draft, reason: str) -> int:
    rows = transaction.execute("SELECT MAX(generation) AS newest FROM endpoint_changes WHERE endpoint = ?", (name,))
    generation = (rows[0]["newest"] or 0) + 1
    now = utc_now()
    records.put_endpoint(transaction, name, generation, draft.key_hashes, now)
    transaction.execute(
        "INSERT INTO endpoint_changes (endpoint, generation, kind, host, port, key_hashes, workers_min, workers_max,"
        " restores, outcome, reason, remedy, asked_at, tls_certificate, tls_key)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?)",
        (
            name,
            generation,
            draft.kind,
            draft.host,
            draft.port,
            json.dumps(draft.key_hashes),
            *draft.workers,
            draft.restores,
            PENDING,
            reason,
            now,
            *(draft.tls or (None, None)),
        ),
    )
    for slot in draft.slots:
        _put_share(transaction, name, generation, draft, slot, now)
    _forget_failures(transaction, name, generation, now)
    return generation


def _forget_failures(transaction: Transaction, name: str, generation: int, now: str) -> None:
    """What failed before is told no longer, now that something new is tried; it stays as history."""
    transaction.execute(
        "UPDATE endpoint_deployments SET ended_at = ? WHERE endpoint = ? AND ended_at IS NULL AND live = 0"
        " AND state IN (?, ?) AND generation NOT IN (SELECT deployment_generation FROM endpoint_shares"
        " WHERE endpoint = ? AND generation = ?)",
        (now, name, FAILED, UNSCHEDULABLE, name, generation),
    )


def _put_share(transaction: Transaction, name: str, generation: int, draft: Draft, slot: Slot, now: str) -> None:
    place = slot.generation or generation
    if not slot.generation:
        records.put_deployment(transaction, name, generation, slot, (draft.host, draft.port), now)
    brought = not slot.generation or records.bring_back(transaction, name, slot.generation, now)
    transaction.execute(
        "INSERT INTO endpoint_shares (endpoint, generation, deployment_generation, traffic, mirror, brought)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (name, generation, place, slot.traffic, slot.mirror, int(brought)),
    )


def take_effect(database: Database, name: str, generation: int, port: int) -> None:
    """Marks a change as done, on the port that any free one has become, and what it leaves out as ended."""
    with database.transaction() as transaction:
        now = utc_now()
        transaction.execute(
            "UPDATE endpoint_changes SET outcome = ?, port = ?, settled_at = ? WHERE endpoint = ? AND generation = ?",
            (DONE, port, now, name, generation),
        )
        transaction.execute(
            "UPDATE endpoint_deployments SET ended_at = ?, live = 0, server = NULL WHERE endpoint = ?"
            " AND ended_at IS NULL AND generation <= ? AND generation NOT IN (SELECT deployment_generation FROM"
            " endpoint_shares WHERE endpoint = ? AND generation = ?)",
            (now, name, generation, name, generation),
        )


def refuse(database: Database, name: str, generation: int, reason: str, remedy: str) -> None:
    """Marks a change as refused; what it brought stays to be seen with its state, until something else is asked."""
    with database.transaction() as transaction:
        _settle(transaction, name, generation, (REFUSED, reason, remedy), utc_now())


def give_up(database: Database, name: str, generation: int) -> None:
    """Marks a change as given up for a later one, and what it brought as ended, unless the later one wants it too."""
    with database.transaction() as transaction:
        now = utc_now()
        _settle(transaction, name, generation, (GIVEN_UP, "a later change was asked for", ""), now)
        transaction.execute(
            "UPDATE endpoint_deployments SET ended_at = ?, live = 0, server = NULL WHERE endpoint = ?"
            " AND generation IN (SELECT deployment_generation FROM endpoint_shares"
            " WHERE endpoint = ? AND generation = ? AND brought = 1)"
            " AND generation NOT IN (SELECT deployment_generation FROM endpoint_shares"
            " WHERE endpoint = ? AND generation > ?)",
            (now, name, name, generation, name, generation),
        )


def _settle(transaction: Transaction, name: str, generation: int, fate: tuple[str, str, str], now: str) -> None:
    transaction.execute(
        "UPDATE endpoint_changes SET outcome = ?, reason = ?, remedy = ?, settled_at = ?"
        " WHERE endpoint = ? AND generation = ?",
        (*fate, now, name, generation),
    )
