"""One request in the prediction log by its id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pigeonhole.core.database import Database, Row
from pigeonhole.core.errors import NotFoundError
from pigeonhole.predictions.blocks import COUNT_TYPE, beginning_of, key_of
from pigeonhole.predictions.reading import Source, ids_of, source_of, unpack

# Ids are given out in order, so the block is nearly always among the first that end after the id; else all are tried.
_NEAR = (
    "SELECT source, number, request_ids, counts FROM (SELECT source, number, first_key, request_ids, counts FROM"
    " prediction_blocks WHERE endpoint = ? AND beginning = ? AND last_key >= ? ORDER BY last_key LIMIT 8) AS near"
    " WHERE first_key <= ?"
)
_ALL = (
    "SELECT source, number, request_ids, counts FROM prediction_blocks"
    " WHERE endpoint = ? AND beginning = ? AND last_key >= ? AND first_key <= ?"
)


@dataclass(frozen=True)
class Place:
    """Where a request stands.

    Attributes:
        source: the server start that answered it.
        block: the number of its block.
        first_image: of its images in the block, from 0.
        n_images: how many it held.
    """

    source: Source
    block: int
    first_image: int
    n_images: int


def find(database: Database, endpoint: str, request_id: str) -> Place:
    """Where the request stands.

    Raises:
        NotFoundError: the endpoint has no such request in its prediction log.
    """
    key = key_of(request_id)
    for statement in (_NEAR, _ALL):
        for row in database.execute(statement, (endpoint, beginning_of(request_id), key, key)):
            if request_id in (ids := ids_of(row)):
                return _place(database, row, ids.index(request_id))
    raise NotFoundError(
        f"the request id {request_id!r}",
        f"the request_id of an answer that the endpoint {endpoint} gave, in its prediction log",
        "copy it from the answer's body or its x-request-id header",
    )


def _place(database: Database, row: Row, index: int) -> Place:
    counts_R = unpack(row["counts"], COUNT_TYPE)
    described = database.execute("SELECT * FROM prediction_sources WHERE id = ?", (row["source"],))[0]
    return Place(source_of(described), row["number"], int(np.sum(counts_R[:index])), int(counts_R[index]))
