"""What people said the right label was. One answer for each image; a later one replaces it."""

from __future__ import annotations

import json

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database
from pigeonhole.core.errors import DataError, NotFoundError
from pigeonhole.predictions.tables import declare


def add_feedback(database: Database, endpoint: str, request_id: str, label: str, position: int = 0) -> None:
    """Records the true label of one image of an answered request.

    Args:
        database: the workspace's records.
        endpoint: who answered.
        request_id: as given in the answer.
        label: one of the model's class names.
        position: which image of the request, from 0.

    Raises:
        NotFoundError: the endpoint has no such request in its prediction log.
        DataError: the model has no such class, or the request no such image.
    """
    declare(database)
    rows = database.execute(
        "SELECT r.n_images, s.class_names FROM prediction_requests r JOIN prediction_sources s ON s.id = r.source"
        " WHERE r.request_id = ? AND r.endpoint = ?",
        (request_id, endpoint),
    )
    if not rows:
        raise NotFoundError(
            f"the request id {request_id!r}",
            f"the request_id of an answer that the endpoint {endpoint} gave",
            "copy it from the answer's body or its x-request-id header",
        )
    _check(label, position, json.loads(rows[0]["class_names"]), rows[0]["n_images"])
    database.execute(
        "INSERT INTO prediction_feedback (request_id, position, endpoint, label, given_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (request_id, position) DO UPDATE SET label = excluded.label, given_at = excluded.given_at",
        (request_id, position, endpoint, label, utc_now()),
    )


def _check(label: str, position: int, class_names: list[str], n_images: int) -> None:
    if not 0 <= position < n_images:
        raise DataError(
            f"position {position}, but the request held {n_images} images",
            f"0 to {n_images - 1}" if n_images else "a request that was answered with predictions",
            "count the images of the request from 0",
        )
    if label not in class_names:
        raise DataError(f"the label {label!r}", f"one of {', '.join(class_names[:20])}", "correct the label")
