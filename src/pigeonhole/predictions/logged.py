"""Single requests out of the prediction log, lazily: for labelling, retraining and export. Keeps one block in memory.

Axes: N images of a request, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.database import Database, Row
from pigeonhole.core.errors import NotFoundError
from pigeonhole.predictions import pixels
from pigeonhole.predictions.blocks import (
    CLASSES_TYPE,
    COUNT_TYPE,
    PROBABILITY_TYPE,
    STATISTICS_TYPE,
    STATUS_TYPE,
    TIME_TYPE,
)
from pigeonhole.predictions.finding import find
from pigeonhole.predictions.reading import Source, Span, codes_of, ids_of, read_blocks, read_sources, unpack
from pigeonhole.predictions.tables import declare

_FEEDBACK = "SELECT request_id, position, label FROM prediction_feedback WHERE source = ? AND block = ?"


@dataclass(frozen=True)
class LoggedRequest:
    """One request as the log has it.

    Attributes:
        request_id: its id.
        source: the server start that answered it.
        received_at_s: seconds since 1970.
        latency_ms: milliseconds.
        status: HTTP status.
        error_code: of a refused request, else `None`.
        labels: the predicted class of each image.
        probability_N: its probability.
        feedback: the true class of each image as people gave it, `None` where nobody did.
        statistics: image statistics by name, each [N].
        images_NHWC: the images; `None` where the log does not have them (switched off, or dropped for newer ones), or
            they were not asked for.
    """

    request_id: str
    source: Source
    received_at_s: float
    latency_ms: float
    status: int
    error_code: str | None
    labels: tuple[str, ...]
    probability_N: npt.NDArray[np.float32]
    feedback: tuple[str | None, ...]
    statistics: dict[str, npt.NDArray[np.float32]]
    images_NHWC: npt.NDArray[np.uint8] | None


def read_images(database: Database, endpoint: str, request_id: str) -> npt.NDArray[np.uint8]:
    """The images [N, H, W, C] of one request.

    Raises:
        NotFoundError: the endpoint has no such request in its log, or not its images any more.
    """
    declare(database)
    place = find(database, endpoint, request_id)
    shape = place.source.shape_HWC or (0, 0, 0)
    size = int(np.prod(shape))
    found = None
    if place.n_images:
        found = pixels.read(database, place.source.id, place.block, place.first_image * size, place.n_images * size)
    if found is None:
        raise NotFoundError(
            f"the images of the request {request_id}",
            "a request that was answered, to a deployment that logs images, and not so old that they were dropped",
            "deploy without --no-image-log, or ask sooner",
        )
    return np.frombuffer(found, np.uint8).reshape(-1, *shape)


def read_requests(
    database: Database,
    endpoint: str,
    since_s: float | None = None,
    until_s: float | None = None,
    *,
    images: bool = True,
) -> Iterator[LoggedRequest]:
    """What the endpoint answered in the span, one request after the other, block by block in the order of time.

    Args:
        database: the workspace's records.
        endpoint: its name.
        since_s: from then on (seconds since 1970); `None` means from the first request.
        until_s: up to and without; `None` means to the last.
        images: whether to read the images too.
    """
    declare(database)
    sources = {source.id: source for source in read_sources(database, endpoint)}
    within = Span(endpoint, since_s, until_s)
    for row in read_blocks(database, within):
        if row["source"] not in sources:  # a server that started after the first look
            sources.update({source.id: source for source in read_sources(database, endpoint)})
        for request in _requests(database, row, sources[row["source"]], images):
            if within.low_s <= request.received_at_s < within.high_s:
                yield request


def _requests(database: Database, row: Row, source: Source, images: bool) -> Iterator[LoggedRequest]:
    key = (source.id, row["number"])
    images_NHWC = _images(database, source, key, row["n_images"]) if images else None
    said = {(answer["request_id"], answer["position"]): answer["label"] for answer in database.execute(_FEEDBACK, key)}
    labels = [source.class_names[k] for k in unpack(row["classes"], CLASSES_TYPE).tolist()]
    probability_N = unpack(row["probability"], PROBABILITY_TYPE).astype(np.float32)
    figures_NS = unpack(row["statistics"], STATISTICS_TYPE).reshape(-1, max(1, len(source.statistic_names)))
    stops_R = np.cumsum(unpack(row["counts"], COUNT_TYPE)).tolist()
    start = 0
    for (request_id, received_at_s, latency_ms, status, code), stop in zip(_plain(row), stops_R, strict=True):
        yield LoggedRequest(
            request_id,
            source,
            received_at_s,
            latency_ms,
            status,
            code,
            tuple(labels[start:stop]),
            probability_N[start:stop],
            tuple(said.get((request_id, position)) for position in range(stop - start)),
            {
                name: figures_NS[start:stop, column].astype(np.float32)
                for column, name in enumerate(source.statistic_names)
            },
            None if images_NHWC is None or start == stop else images_NHWC[start:stop],
        )
        start = stop


def _plain(row: Row) -> Iterator[tuple[Any, ...]]:
    return zip(
        ids_of(row),
        unpack(row["received_at_s"], TIME_TYPE).tolist(),
        unpack(row["latency_ms"], TIME_TYPE).tolist(),
        unpack(row["status"], STATUS_TYPE).tolist(),
        codes_of(row),
        strict=True,
    )


def _images(database: Database, source: Source, key: tuple[str, int], n: int) -> npt.NDArray[np.uint8] | None:
    shape = source.shape_HWC
    found = pixels.read(database, *key, 0, n * int(np.prod(shape))) if n and shape else None
    return None if found is None else np.frombuffer(found, np.uint8).reshape(-1, *(shape or ()))
