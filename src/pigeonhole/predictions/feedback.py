"""What people said the right label was. One answer for each image; a later one replaces it."""

from __future__ import annotations

import time

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database
from pigeonhole.core.errors import DataError, NotFoundError, PigeonholeError, UnavailableError
from pigeonhole.predictions.finding import Place, find
from pigeonhole.predictions.tables import declare

_INSERT = (
    "INSERT INTO prediction_feedback (request_id, position, endpoint, source, block, label, given_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (request_id, position) DO UPDATE SET label = excluded.label, given_at = excluded.given_at"
)


_LOOK_S = 0.05


def add_feedback(
    database: Database, endpoint: str, request_id: str, label: str, position: int = 0, *, wait_s: float = 0.0
) -> None:
    """Records the true label of one image of an answered request; it is committed when this returns.

    Args:
        database: the workspace's records; opened as durable, it keeps the label through a power cut too.
        endpoint: who answered.
        request_id: as given in the answer.
        label: one of the model's class names.
        position: which image of the request, from 0.
        wait_s: how long to wait for a request that is not in the log yet: another process may have answered it a
            moment ago, and logs are written behind the requests.

    Raises:
        NotFoundError: the endpoint has no such request in its prediction log.
        DataError: the model has no such class, or the request no such image.
        UnavailableError: the database took no write; nothing was recorded.
    """
    try:
        declare(database)
        place = _find(database, endpoint, request_id, time.monotonic() + wait_s)
        _check(label, position, place)
        database.execute(_INSERT, (request_id, position, endpoint, place.source.id, place.block, label, utc_now()))
    except PigeonholeError:
        raise
    except Exception as error:  # the drivers share no error class
        raise UnavailableError(
            f"the feedback was not recorded: {error}",
            "a database that takes writes",
            "send it again later; if it stays so, make room on the disk or end what locks the database",
        ) from error


def _find(database: Database, endpoint: str, request_id: str, end_s: float) -> Place:
    while True:
        try:
            return find(database, endpoint, request_id)
        except NotFoundError:
            if time.monotonic() >= end_s:
                raise
        time.sleep(_LOOK_S)


def _check(label: str, position: int, place: Place) -> None:
    if not 0 <= position < place.n_images:
        raise DataError(
            f"position {position}, but the request held {place.n_images} images",
            f"0 to {place.n_images - 1}" if place.n_images else "a request that was answered with predictions",
            "count the images of the request from 0",
        )
    if label not in place.source.class_names:
        names = ", ".join(place.source.class_names[:20])
        raise DataError(f"the label {label!r}", f"one of {names}", "correct the label")
