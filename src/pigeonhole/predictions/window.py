"""The prediction log's reading side: everything an endpoint answered in a span of time, as columns.

Axes: R requests, N images of all requests together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole.core.database import Database, Row
from pigeonhole.predictions.blocks import (
    CLASSES_TYPE,
    COUNT_TYPE,
    PROBABILITY_TYPE,
    STATISTICS_TYPE,
    STATUS_TYPE,
    TIME_TYPE,
)
from pigeonhole.predictions.reading import Source, Span, codes_of, ids_of, read_blocks, read_sources, unpack
from pigeonhole.predictions.tables import declare

NO_LABEL = -1
_FEEDBACK = (
    "SELECT f.source, f.block, f.request_id, f.position, f.label FROM prediction_feedback f JOIN prediction_blocks b"
    " ON b.source = f.source AND b.number = f.block"
    " WHERE b.endpoint = ? AND b.first_at_s >= ? AND b.first_at_s < ? AND b.last_at_s >= ?"
)
_LOST = (
    "SELECT COALESCE(SUM(n), 0) AS n FROM prediction_losses"
    " WHERE endpoint = ? AND recorded_at_s >= ? AND recorded_at_s < ? AND kind = 'entries'"
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
        lost_requests: requests that were answered but are not in here, since the log could not keep up.
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
    lost_requests: int = 0


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
    within = Span(endpoint, since_s, until_s)
    rows = list(read_blocks(database, within))
    columns = _Columns(rows, within, read_sources(database, endpoint))
    said = database.execute(_FEEDBACK, (endpoint, within.first_block_s, within.high_s, within.low_s))
    rows_R, places_N, counts_R = columns.rows_R, columns.places_N, columns.counts_R
    return Window(
        endpoint=endpoint,
        since_s=since_s,
        until_s=until_s,
        class_names=columns.class_names,
        models=columns.models,
        received_at_s_R=columns.received_at_s_R[rows_R],
        latency_ms_R=columns.packed("latency_ms", TIME_TYPE)[rows_R].astype(np.float64),
        status_R=columns.packed("status", STATUS_TYPE)[rows_R].astype(np.int64),
        error_code_R=columns.error_codes(),
        n_images_R=counts_R,
        model_R=columns.model_R(),
        request_N=np.repeat(np.arange(len(rows_R)), counts_R),
        label_N=columns.labels()[places_N],
        probability_N=columns.packed("probability", PROBABILITY_TYPE)[places_N].astype(np.float32),
        feedback_N=columns.feedback(said)[places_N],
        statistics={name: values[places_N] for name, values in columns.statistics().items()},
        lost_requests=int(database.execute(_LOST, (endpoint, within.low_s, within.high_s))[0]["n"]),
    )


class _Columns:
    """The columns of all blocks in a row, and which of their requests and images the window holds, in its order."""

    def __init__(self, rows: list[Row], within: Span, sources: list[Source]) -> None:
        self._rows = rows
        seen = {row["source"] for row in rows}
        self._sources = [source for source in sources if source.id in seen] or sources[:1]
        self.class_names = _union([source.class_names for source in self._sources])
        self.models = _union([(source.model,) for source in self._sources])
        self.received_at_s_R = self.packed("received_at_s", TIME_TYPE).astype(np.float64)
        self._counts_R = self.packed("counts", COUNT_TYPE).astype(np.int64)
        order_R = np.argsort(self.received_at_s_R, kind="stable")
        inside_R = (self.received_at_s_R >= within.low_s) & (self.received_at_s_R < within.high_s)
        self.rows_R = order_R[inside_R[order_R]]
        self.counts_R = self._counts_R[self.rows_R]
        starts_R = (np.cumsum(self._counts_R) - self._counts_R)[self.rows_R]
        shifts_R = starts_R - (np.cumsum(self.counts_R) - self.counts_R)
        self.places_N = np.repeat(shifts_R, self.counts_R) + np.arange(self.counts_R.sum())

    def packed(self, name: str, kind: str) -> npt.NDArray[np.generic]:
        """A column of all blocks."""
        return unpack(b"".join([row[name] for row in self._rows]), kind)

    def error_codes(self) -> tuple[str | None, ...]:
        codes = [code for row in self._rows for code in codes_of(row)]
        return tuple(codes[index] for index in self.rows_R.tolist())

    def model_R(self) -> npt.NDArray[np.int64]:
        number = {source.id: self.models.index(source.model) for source in self._sources}
        return self._each([number[row["source"]] for row in self._rows], "n_requests")[self.rows_R]

    def labels(self) -> npt.NDArray[np.int64]:
        """The predicted classes, renumbered where an older model numbered its classes differently."""
        classes_N = self.packed("classes", CLASSES_TYPE).astype(np.int64)
        order = {source.id: index for index, source in enumerate(self._sources)}
        source_N = self._each([order[row["source"]] for row in self._rows], "n_images")
        for index, source in enumerate(self._sources):
            if source.class_names != self.class_names[: len(source.class_names)]:
                places = np.array([self.class_names.index(name) for name in source.class_names], np.int64)
                classes_N[source_N == index] = places[classes_N[source_N == index]]
        return classes_N

    def feedback(self, said: list[Row]) -> npt.NDArray[np.int64]:
        """The true classes that people gave."""
        labels_N = np.full(int(self._counts_R.sum()), NO_LABEL, np.int64)
        answered = {(answer["source"], answer["block"]) for answer in said}
        place_of: dict[str, int] = {}
        starts_R = np.cumsum(self._counts_R) - self._counts_R
        first = 0
        for row in self._rows:
            if (row["source"], row["number"]) in answered:
                place_of.update(zip(ids_of(row), starts_R[first : first + row["n_requests"]].tolist(), strict=True))
            first += row["n_requests"]
        for answer in said:
            # A block that was written between the two queries is not in this window.
            if answer["request_id"] in place_of:
                labels_N[place_of[answer["request_id"]] + answer["position"]] = self.class_names.index(answer["label"])
        return labels_N

    def statistics(self) -> dict[str, npt.NDArray[np.float32]]:
        """Columns by name; NaN where an older release did not keep a statistic yet."""
        n = int(self._counts_R.sum())
        names = _union([source.statistic_names for source in self._sources])
        columns = {name: np.full(n, np.nan, np.float32) for name in names}
        order = {source.id: index for index, source in enumerate(self._sources)}
        source_N = self._each([order[row["source"]] for row in self._rows], "n_images")
        for index, source in enumerate(self._sources):
            mine = b"".join([row["statistics"] for row in self._rows if row["source"] == source.id])
            values_NS = unpack(mine, STATISTICS_TYPE).reshape(-1, max(1, len(source.statistic_names)))
            places_N = np.flatnonzero(source_N == index)
            for column, name in enumerate(source.statistic_names):
                columns[name][places_N] = values_NS[:, column]
        return columns

    def _each(self, numbers: list[int], of: str) -> npt.NDArray[np.int64]:
        """A number of each block, for each of its requests or images."""
        return np.repeat(np.array(numbers, np.int64), np.array([row[of] for row in self._rows], np.int64))


def _union(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
