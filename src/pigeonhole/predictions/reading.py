"""Blocks back into columns: what the readers of the prediction log share. Decides nothing about what it reads.

Axes: R requests, N images, S statistics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.database import Database, Row
from pigeonhole.predictions.blocks import SPAN_S, Block

_PAGE = 32
_EVER_S = 1e300
_COLUMNS = ", ".join(Block._fields)
_BLOCKS = (  # the names of columns, nobody's input
    f"SELECT {_COLUMNS} FROM prediction_blocks WHERE endpoint = ? AND first_at_s < ? AND last_at_s >= ?"  # noqa: S608
    " AND (first_at_s, source, number) > (?, ?, ?) ORDER BY first_at_s, source, number LIMIT ?"
)


@dataclass(frozen=True)
class Span:
    """What an endpoint answered from one time to another.

    Attributes:
        endpoint: its name.
        since_s: from then on (seconds since 1970); `None` means from the first request.
        until_s: up to and without; `None` means to the last.
    """

    endpoint: str
    since_s: float | None = None
    until_s: float | None = None

    @property
    def low_s(self) -> float:
        """The earliest time inside."""
        return -_EVER_S if self.since_s is None else self.since_s

    @property
    def high_s(self) -> float:
        """The earliest time after it."""
        return _EVER_S if self.until_s is None else self.until_s

    @property
    def first_block_s(self) -> float:
        """No block that begins before this time reaches into the span."""
        return self.low_s - SPAN_S


@dataclass(frozen=True)
class Source:
    """One start of a server with a deployment.

    Attributes:
        id: a random one.
        endpoint: whose server it was.
        deployment: which deployment of the endpoint it served.
        model: the model version.
        class_names: class k's name.
        statistic_names: of the columns of its packed statistics.
        shape_HWC: of its images; `None` where an earlier release did not say.
    """

    id: str
    endpoint: str
    deployment: str
    model: str
    class_names: tuple[str, ...]
    statistic_names: tuple[str, ...]
    shape_HWC: tuple[int, int, int] | None


def read_sources(database: Database, endpoint: str) -> list[Source]:
    """The endpoint's sources, the newest first."""
    rows = database.execute(
        "SELECT * FROM prediction_sources WHERE endpoint = ? ORDER BY started_at DESC, id", (endpoint,)
    )
    return [source_of(row) for row in rows]


def source_of(row: Row) -> Source:
    """A row of `prediction_sources`."""
    shape = json.loads(row["shape"]) if row["shape"] else None
    return Source(
        row["id"],
        row["endpoint"],
        row["deployment"],
        row["model"],
        tuple(json.loads(row["class_names"])),
        tuple(json.loads(row["statistic_names"])),
        (shape[0], shape[1], shape[2]) if shape else None,
    )


def read_blocks(database: Database, within: Span) -> Iterator[Row]:
    """The blocks that have requests in the span, by the time of their first; some of their requests may be outside.

    A page at a time, each in a transaction of its own: memory stays flat, and nobody who writes waits.
    """
    span = (within.endpoint, within.high_s, within.low_s)
    last: tuple[Any, ...] = (within.first_block_s, "", -1)
    while rows := database.execute(_BLOCKS, (*span, *last, _PAGE)):
        yield from rows
        last = (rows[-1]["first_at_s"], rows[-1]["source"], rows[-1]["number"])


def unpack(content: bytes, kind: str) -> npt.NDArray[Any]:
    """A packed column as an array."""
    return np.frombuffer(content, kind)


def ids_of(row: Row) -> list[str]:
    """The R request ids of a block."""
    return str(row["request_ids"]).split("\n")


def codes_of(row: Row) -> list[str | None]:
    """The R error codes of a block, `None` where the request was answered."""
    codes: list[str | None] = [None] * row["n_requests"]
    if row["error_codes"]:
        for index, code in json.loads(row["error_codes"]):
            codes[index] = code
    return codes
