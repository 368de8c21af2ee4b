"""A block: the requests that a server answered within a moment, as one row of packed columns. Packs; reads nothing.

Axes: R requests, N images, H height, W width, C channels, K classes, S statistics.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pigeonhole.core.database import Transaction
from pigeonhole.images import Shape, figures, statistics
from pigeonhole.predictions.pixels import FilePlace

TIME_TYPE, STATUS_TYPE, COUNT_TYPE = "<f8", "<i2", "<i4"
# The requests of a block arrived within this time: readers of a window need not look at all earlier blocks.
SPAN_S = 60.0
CLASSES_TYPE, PROBABILITY_TYPE, STATISTICS_TYPE = "<i2", "<f4", "<f2"


class Entry(NamedTuple):
    """One answered request.

    Attributes:
        request_id: unique. What stands before its first hyphen should be the same for all requests of a process: it
            is what makes a request quick to find.
        received_at_s: seconds since 1970, UTC.
        latency_ms: from the whole request read to the answer handed over.
        status: the HTTP status.
        error_code: of a refused request, else `None`.
        n_images: how many images the request held, 0 if it was refused.
        pixels: their uint8 values, N·H·W·C of them.
        probs_NK: what the model said; `None` if it was refused.
    """

    request_id: str
    received_at_s: float
    latency_ms: float
    status: int
    error_code: str | None = None
    n_images: int = 0
    pixels: bytes = b""
    probs_NK: npt.NDArray[np.float32] | None = None


class Entries(NamedTuple):
    """R requests that the log is given at once; those whose images went through the model together share their arrays.

    Attributes:
        request_ids: as in `Entry`, and so are the next five.
        received_at_s: seconds since 1970, UTC.
        latency_ms: milliseconds.
        status: HTTP status.
        error_codes: `None` for each that was answered.
        counts: images in each.
        pixels: of all their images, in their order.
        probs_NK: likewise; `None` if none was answered.
    """

    request_ids: Sequence[str]
    received_at_s: Sequence[float]
    latency_ms: Sequence[float]
    status: Sequence[int]
    error_codes: Sequence[str | None]
    counts: Sequence[int]
    pixels: bytes
    probs_NK: npt.NDArray[np.float32] | None


def alone(entry: Entry) -> Entries:
    """One request as the log keeps several."""
    request_id, received, latency, status, code, n, pixels, probs_NK = entry
    counts = (0 if probs_NK is None else n,)
    return Entries((request_id,), (received,), (latency,), (status,), (code,), counts, pixels, probs_NK)


class Block(NamedTuple):
    """A row of `prediction_blocks`, in the order of its columns."""

    source: str
    number: int
    endpoint: str
    first_at_s: float
    last_at_s: float
    beginning: str
    first_key: bytes
    last_key: bytes
    n_requests: int
    n_images: int
    request_ids: str
    counts: bytes
    received_at_s: bytes
    latency_ms: bytes
    status: bytes
    error_codes: str | None
    classes: bytes
    probability: bytes
    statistics: bytes


_INSERT_BLOCK = (  # the names of this file's columns, nobody's input
    f"INSERT INTO prediction_blocks ({', '.join(Block._fields)}) VALUES ({', '.join('?' * len(Block._fields))})"  # noqa: S608
    " ON CONFLICT (source, number) DO NOTHING"
)
_INSERT_IMAGES = (
    "INSERT INTO prediction_images (source, number, endpoint, last_at_s, n_images, size_bytes, file, first_byte,"
    " pixels) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, number) DO NOTHING"
)


def insert(transaction: Transaction, block: Block, pixels: bytes = b"", place: FilePlace | None = None) -> None:
    """Writes a block once, however often it is called; no images where `pixels` is empty.

    Args:
        transaction: in which it is written.
        block: the block.
        pixels: of its images.
        place: where they lie already, if not in the table.
    """
    transaction.execute(_INSERT_BLOCK, block)
    if pixels:
        about = (block.source, block.number, block.endpoint, block.last_at_s, block.n_images, len(pixels))
        transaction.execute(_INSERT_IMAGES, (*about, *((None, None, pixels) if place is None else (*place, b""))))


def pack(
    groups: Sequence[Entries], *, source: str, number: int, endpoint: str, shape_HWC: Shape
) -> tuple[Block, bytes]:
    """The requests as a block, and all their pixels in a row.

    Raises:
        ValueError: ids with different beginnings, requests that arrived more than a minute apart, or pixels or
            probabilities that do not fit the number of images.
    """
    *columns, pixels, probs = zip(*groups, strict=True)
    ids, received, latency, status, codes, counts = (list(chain.from_iterable(column)) for column in columns)
    joined = b"".join(pixels)
    answered = [given for given in probs if given is not None]
    predicted = _predicted(answered, joined, sum(counts), shape_HWC)
    block = assemble((source, number, endpoint), ids, received, latency, status, codes, counts, predicted)
    # What lies between two ids with one beginning has that beginning too.
    if beginning_of(min(ids)) != beginning_of(max(ids)):
        raise ValueError(f"request ids with different beginnings, from {min(ids)!r} to {max(ids)!r}")
    if block.last_at_s - block.first_at_s > SPAN_S:
        raise ValueError(f"requests that arrived {block.last_at_s - block.first_at_s:.0f} s apart")
    return block, joined


def beginning_of(request_id: str) -> str:
    """What the ids of one process have in common."""
    return request_id.partition("-")[0]


def key_of(request_id: str) -> bytes:
    """Sorts shorter ids before longer ones, so that `f` comes before `10`, as they are given out."""
    return len(request_id).to_bytes(2, "big") + request_id.encode()


def assemble(
    key: tuple[str, int, str],
    ids: Sequence[str],
    received_at_s: Sequence[float],
    latency_ms: Sequence[float],
    status: Sequence[int],
    error_codes: Sequence[str | None],
    counts: Sequence[int],
    predicted: tuple[bytes, bytes, bytes],
) -> Block:
    """The block of R requests.

    Args:
        key: source, number of the block, endpoint.
        ids: of the requests.
        received_at_s: seconds since 1970.
        latency_ms: milliseconds.
        status: HTTP status.
        error_codes: `None` where a request was answered.
        counts: images in each request.
        predicted: packed classes, probabilities and statistics of all images.
    """
    source, number, endpoint = key
    refused = [(row, code) for row, code in enumerate(error_codes) if code is not None] if any(error_codes) else None
    first_key, last_key = _ends(ids)
    return Block(
        source=source,
        number=number,
        endpoint=endpoint,
        first_at_s=min(received_at_s),
        last_at_s=max(received_at_s),
        beginning=beginning_of(ids[0]),
        first_key=first_key,
        last_key=last_key,
        n_requests=len(ids),
        n_images=sum(counts),
        request_ids="\n".join(ids),
        counts=np.array(counts, COUNT_TYPE).tobytes(),
        received_at_s=np.array(received_at_s, TIME_TYPE).tobytes(),
        latency_ms=np.array(latency_ms, TIME_TYPE).tobytes(),
        status=np.array(status, STATUS_TYPE).tobytes(),
        error_codes=json.dumps(refused) if refused else None,
        classes=predicted[0],
        probability=predicted[1],
        statistics=predicted[2],
    )


def _ends(ids: Sequence[str]) -> tuple[bytes, bytes]:
    """The least and the greatest key, without making all of them."""
    if len(set(map(len, ids))) == 1:
        return key_of(min(ids)), key_of(max(ids))
    keys = [key_of(request_id) for request_id in ids]
    return min(keys), max(keys)


def statistic_names(shape_HWC: Shape) -> list[str]:
    """The S names of the columns of a packed `statistics`, in their order."""
    none = statistics(np.zeros((0, *shape_HWC), np.uint8))
    return [
        name if values.ndim == 1 else f"{name}_{index}"
        for name, values in none.items()
        for index in range(1 if values.ndim == 1 else values.shape[1])
    ]


def _predicted(
    probs: list[npt.NDArray[np.float32]], pixels: bytes, n: int, shape_HWC: Shape
) -> tuple[bytes, bytes, bytes]:
    """Packed classes, probabilities and statistics of all images at once."""
    if not probs:
        return b"", b"", b""
    probs_NK = np.concatenate(probs)
    images_NHWC = np.frombuffer(pixels, np.uint8).reshape(-1, *shape_HWC)
    if not len(probs_NK) == len(images_NHWC) == n:
        raise ValueError(f"{n} images with {len(probs_NK)} rows of probabilities and pixels for {len(images_NHWC)}")
    return (
        probs_NK.argmax(axis=1).astype(CLASSES_TYPE).tobytes(),
        probs_NK.max(axis=1).astype(PROBABILITY_TYPE).tobytes(),
        figures(images_NHWC).astype(STATISTICS_TYPE).tobytes(),
    )
