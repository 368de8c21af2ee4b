"""One request in the prediction log by its id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pigeonhole.core.database import Database
from pigeonhole.core.errors import NotFoundError
from pigeonhole.predictions.blocks import COUNT_TYPE, beginning
from pigeonhole.predictions.reading import Source, ids_of, source_of, unpack

# All ids of a block have one beginning: the last of a block with this request lies between it and the beginning's end.
_CANDIDATES = (
    "SELECT source, number, request_ids, counts FROM prediction_blocks"
    " WHERE endpoint = ? AND last_id >= ? AND last_id < ? AND first_id <= ?"
)
_AFTER_ALL = b"\xff"


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
    content = request_id.encode()
    end = beginning(request_id).encode() + _AFTER_ALL
    for row in database.execute(_CANDIDATES, (endpoint, content, end, content)):
        ids = ids_of(row)
        if request_id in ids:
            place = ids.index(request_id)
            counts_R = unpack(row["counts"], COUNT_TYPE)
            described = database.execute("SELECT * FROM prediction_sources WHERE id = ?", (row["source"],))[0]
            return Place(source_of(described), row["number"], int(np.sum(counts_R[:place])), int(counts_R[place]))
    raise NotFoundError(
        f"the request id {request_id!r}",
        f"the request_id of an answer that the endpoint {endpoint} gave, in its prediction log",
        "copy it from the answer's body or its x-request-id header",
    )
