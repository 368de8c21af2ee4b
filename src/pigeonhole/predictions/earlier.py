"""What the first format kept, a row a request, becomes blocks. Nothing is computed anew; there were no pictures."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from pigeonhole.core.database import Row, Transaction
from pigeonhole.predictions.blocks import SPAN_S, Block, assemble, insert

_ROWS = 2_000
_NEXT = (
    "SELECT * FROM prediction_requests WHERE source > ? OR (source = ? AND (received_at_s > ? OR"
    " (received_at_s = ? AND request_id > ?))) ORDER BY source, received_at_s, request_id LIMIT ?"
)
_MOVE_FEEDBACK = (
    "INSERT INTO prediction_feedback (request_id, position, endpoint, source, block, label, given_at)"
    " SELECT request_id, position, endpoint, ?, ?, label, given_at FROM prediction_feedback_1 WHERE request_id = ?"
)


def into_blocks(transaction: Transaction) -> None:
    """Copies all requests and their feedback, some thousand at a time."""
    numbers: dict[str, int] = {}
    last: tuple[Any, ...] = ("", "", 0.0, 0.0, "")
    while rows := transaction.execute(_NEXT, (*last, _ROWS)):
        for (source, _), group in groupby(rows, key=lambda row: (str(row["source"]), row["received_at_s"] // SPAN_S)):
            numbers[source] = numbers.get(source, -1) + 1
            mine = list(group)
            insert(transaction, _block(mine, source, numbers[source]))
            transaction.execute_many(_MOVE_FEEDBACK, [(source, numbers[source], row["request_id"]) for row in mine])
        end = rows[-1]
        last = (end["source"], end["source"], end["received_at_s"], end["received_at_s"], end["request_id"])


def _block(rows: list[Row], source: str, number: int) -> Block:
    def column(name: str) -> list[Any]:
        return [row[name] for row in rows]

    return assemble(
        (source, number, str(rows[0]["endpoint"])),
        column("request_id"),
        column("received_at_s"),
        column("latency_ms"),
        column("status"),
        column("error_code"),
        [0 if row["classes"] is None else row["n_images"] for row in rows],
        (_joined(rows, "classes"), _joined(rows, "probability"), _joined(rows, "statistics")),
    )


def _joined(rows: list[Row], name: str) -> bytes:
    return b"".join([bytes(row[name]) for row in rows if row[name] is not None])
