"""The prediction log's reading side: everything an endpoint answered in a span of time, as columns.

Axes: R requests, N images of all requests together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.core.database import Database, Row
from pigeonhole.predictions.tables import CLASSES_TYPE, PROBABILITY_TYPE, STATISTICS_TYPE, declare

NO_LABEL = -1
_REQUESTS = (
    "SELECT * FROM prediction_requests WHERE endpoint = ? AND received_at_s >= ? AND received_at_s < ?"
    " ORDER BY received_at_s, request_id"
)
_FEEDBACK = (
    "SELECT f.request_id, f.position, f.label FROM prediction_feedback f JOIN prediction_requests r"
    " ON r.request_id = f.request_id WHERE r.endpoint = ? AND r.received_at_s >= ? AND r.received_at_s < ?"
)


@dataclass(frozen=True)
class Window:
    """What one endpoint answered from `since_s` to `until_s`, in the order of arrival.

    Attributes:
        endpoint: whose answers.
        since_s: seconds since 1970; `None` means from the first request.
        until_s: likewise; `None` means to the last.
        class_names: the names that the labels number: of the newest model, then any that only older ones had.
        models: the model versions that answered; `model_R` numbers them.
        received_at_s_R: seconds since 1970, ascending.
        latency_ms_R: milliseconds.
        status_R: HTTP status.
        error_code_R: of refused requests, else `None`.
        n_images_R: images in each request.
        model_R: which of `models` answered.
        request_N: the request that each image came in.
        label_N: the predicted class.
        probability_N: its probability.
        feedback_N: the true class as people gave it, `NO_LABEL` (-1) where nobody did.
        statistics: image statistics by name, each [N].
    """

    endpoint: str
    since_s: float | None
    until_s: float | None
    class_names: tuple[str, ...]
    models: tuple[str, ...]
    received_at_s_R: npt.NDArray[np.float64]
    latency_ms_R: npt.NDArray[np.float64]
    status_R: npt.NDArray[np.int64]
    error_code_R: tuple[str | None, ...]
    n_images_R: npt.NDArray[np.int64]
    model_R: npt.NDArray[np.int64]
    request_N: npt.NDArray[np.int64]
    label_N: npt.NDArray[np.int64]
    probability_N: npt.NDArray[np.float32]
    feedback_N: npt.NDArray[np.int64]
    statistics: dict[str, npt.NDArray[np.float32]]


def read_window(
    database: Database, endpoint: str, since_s: float | None = None, until_s: float | None = None
) -> Window:
    """What the endpoint answered in the span; empty columns where it answered nothing.

    Args:
        database: the workspace's records.
        endpoint: its name.
        since_s: from then on (seconds since 1970); `None` means from the first request.
        until_s: up to and without; `None` means to the last.
    """
    declare(database)
    span = (endpoint, -1e300 if since_s is None else since_s, 1e300 if until_s is None else until_s)
    rows = database.execute(_REQUESTS, span)
    said = database.execute(_FEEDBACK, span)
    sources = database.execute(
        "SELECT * FROM prediction_sources WHERE endpoint = ? ORDER BY started_at DESC, id", (endpoint,)
    )
    return _window(endpoint, since_s, until_s, rows, said, sources)


def _window(
    endpoint: str, since_s: float | None, until_s: float | None, rows: list[Row], said: list[Row], sources: list[Row]
) -> Window:
    seen = {row["source"] for row in rows}
    sources = [source for source in sources if source["id"] in seen] or sources[:1]
    class_names = _union([json.loads(source["class_names"]) for source in sources])
    models = _union([[source["model"]] for source in sources])
    model_of = {source["id"]: models.index(source["model"]) for source in sources}
    n_images_R = np.array([row["n_images"] if row["classes"] is not None else 0 for row in rows], np.int64)
    request_N = np.repeat(np.arange(len(rows)), n_images_R)
    return Window(
        endpoint=endpoint,
        since_s=since_s,
        until_s=until_s,
        class_names=class_names,
        models=models,
        received_at_s_R=_column(rows, "received_at_s", np.float64),
        latency_ms_R=_column(rows, "latency_ms", np.float64),
        status_R=_column(rows, "status", np.int64),
        error_code_R=tuple(row["error_code"] for row in rows),
        n_images_R=n_images_R,
        model_R=np.array([model_of[row["source"]] for row in rows], np.int64),
        request_N=request_N,
        label_N=_labels(rows, sources, class_names, n_images_R),
        probability_N=_packed(rows, "probability", PROBABILITY_TYPE).astype(np.float32),
        feedback_N=_feedback(rows, said, class_names, n_images_R),
        statistics=_statistics(rows, sources, n_images_R),
    )


def _union(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _column(rows: list[Row], name: str, kind: Any) -> npt.NDArray[Any]:
    return np.array([row[name] for row in rows], kind)


def _packed(rows: list[Row], name: str, kind: str) -> npt.NDArray[Any]:
    return np.frombuffer(b"".join([row[name] for row in rows if row[name] is not None]), kind)


def _labels(
    rows: list[Row], sources: list[Row], class_names: tuple[str, ...], n_images_R: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The packed classes, renumbered where an older model numbered its classes differently."""
    classes_N = _packed(rows, "classes", CLASSES_TYPE).astype(np.int64)
    order = {source["id"]: index for index, source in enumerate(sources)}
    source_N = np.repeat(np.array([order[row["source"]] for row in rows], np.int64), n_images_R)
    for index, source in enumerate(sources):
        names = json.loads(source["class_names"])
        if tuple(names) != class_names[: len(names)]:
            places = np.array([class_names.index(name) for name in names], np.int64)
            classes_N[source_N == index] = places[classes_N[source_N == index]]
    return classes_N


def _feedback(
    rows: list[Row], said: list[Row], class_names: tuple[str, ...], n_images_R: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    starts_R = np.concatenate([[0], np.cumsum(n_images_R)])
    start_of = {row["request_id"]: int(start) for row, start in zip(rows, starts_R[:-1], strict=True)} if said else {}
    feedback_N = np.full(int(starts_R[-1]), NO_LABEL, np.int64)
    for answer in said:
        feedback_N[start_of[answer["request_id"]] + answer["position"]] = class_names.index(answer["label"])
    return feedback_N


def _statistics(
    rows: list[Row], sources: list[Row], n_images_R: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float32]]:
    """Columns by name; NaN where an older release did not keep a statistic yet."""
    names_of = {source["id"]: json.loads(source["statistic_names"]) for source in sources}
    columns = {name: np.full(int(n_images_R.sum()), np.nan, np.float32) for name in _union(list(names_of.values()))}
    starts_R = np.concatenate([[0], np.cumsum(n_images_R)])
    for source, names in names_of.items():
        mine = [index for index, row in enumerate(rows) if row["source"] == source and row["statistics"] is not None]
        if not mine:
            continue
        values_NS = _packed([rows[index] for index in mine], "statistics", STATISTICS_TYPE).reshape(-1, len(names))
        places_N = np.concatenate([np.arange(starts_R[index], starts_R[index + 1]) for index in mine])
        for column, name in enumerate(names):
            columns[name][places_N] = values_NS[:, column]
    return columns
