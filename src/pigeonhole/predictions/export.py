"""The prediction log as the files that Azure ML's data collector writes. Streams; changes nothing in the log.

`ENDPOINT/DEPLOYMENT/COLLECTION/yyyy/MM/dd/HH/SOURCE.jsonl`, hours in UTC, a line a request: a CloudEvents envelope with
`time`, `correlationid` (the request id) and `data` (a record an image), as
https://learn.microsoft.com/azure/machine-learning/how-to-collect-production-data describes them.
"""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pigeonhole.core.database import Database
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from pigeonhole.core.files import publish, staged_folder
from pigeonhole.images import png
from pigeonhole.predictions.logged import LoggedRequest, read_requests

INPUTS, OUTPUTS, TRUTH = "model_inputs", "model_outputs", "ground_truth"
_OPEN_FILES = 64
_AGENT = "pigeonhole"


@dataclass(frozen=True)
class ExportedLog:
    """What was written.

    Attributes:
        folder: the endpoint's folder.
        requests: answered requests, a line each in `model_inputs` and `model_outputs`.
        images: records of all of them.
        labelled: requests with feedback, a line each in `ground_truth`.
        without_image: images that the log does not have; their records say `"image": null`.
        refused: requests that were refused; they have no prediction and no line.
    """

    folder: Path
    requests: int
    images: int
    labelled: int
    without_image: int
    refused: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "folder": str(self.folder)}


def export_log(
    database: Database,
    endpoint: str,
    to: Path,
    since_s: float | None = None,
    until_s: float | None = None,
    *,
    images: bool = True,
) -> ExportedLog:
    """Writes what the endpoint answered in the span below `to`, whole or not at all.

    `model_inputs` has each image (`image`, a PNG in base64, as Azure's image models take it) and its statistics,
    `model_outputs` the predicted `label` and its `probability`, `ground_truth` the `label` that people gave.

    Args:
        database: the workspace's records.
        endpoint: its name, which is also the folder's below `to`; must not be there yet.
        to: takes the place of the container's folder `modelDataCollector`.
        since_s: from then on (seconds since 1970); `None` means from the first request.
        until_s: up to and without; `None` means to the last.
        images: whether the images themselves are written, or only their statistics.

    Raises:
        ConflictError: the folder is there already.
        NotFoundError: the endpoint answered nothing in the span.
        UsageError: the place cannot be written to.
        DataError: the disk is full; nothing is left behind.
    """
    folder = to.expanduser().absolute() / endpoint
    if folder.exists():
        raise _taken(folder)
    is_new = not folder.parent.exists()
    try:
        with staged_folder(folder.parent) as staged:
            counts = _write(read_requests(database, endpoint, since_s, until_s, images=images), staged, images)
            if not counts["requests"]:
                raise NotFoundError(
                    f"no answered request of the endpoint {endpoint} in its prediction log"
                    f" ({counts['refused']} refused)",
                    "an endpoint that answered something in the window",
                    "choose another window, or send it something",
                )
            if not publish(staged / endpoint, folder):
                raise _taken(folder)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{to}: {error.strerror}", "a place that can be written to", "choose another --to") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it stays where it holds the result
                folder.parent.rmdir()
    return ExportedLog(folder, **counts)


def _taken(folder: Path) -> ConflictError:
    return ConflictError(f"{folder} is there already", "a name that is not taken", "choose another --to, or remove it")


def _write(requests: Iterator[LoggedRequest], folder: Path, images: bool) -> dict[str, int]:
    counts = {"requests": 0, "images": 0, "labelled": 0, "without_image": 0, "refused": 0}
    with _Files(folder) as files:
        for request in requests:
            if not request.labels:
                counts["refused"] += 1
                continue
            counts["requests"] += 1
            counts["images"] += len(request.labels)
            counts["without_image"] += len(request.labels) if images and request.images_NHWC is None else 0
            files.add(request, INPUTS, _inputs(request, images))
            files.add(request, OUTPUTS, _outputs(request))
            if any(label is not None for label in request.feedback):
                counts["labelled"] += 1
                files.add(request, TRUTH, [{"label": label} for label in request.feedback])
    return counts


def _inputs(request: LoggedRequest, images: bool) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = [{} for _ in request.labels]
    if images:
        pictures = (
            [None] * len(records) if request.images_NHWC is None else [png(image) for image in request.images_NHWC]
        )
        for record, picture in zip(records, pictures, strict=True):
            record["image"] = None if picture is None else base64.b64encode(picture).decode()
    for name, values_N in request.statistics.items():
        for record, value in zip(records, values_N, strict=True):
            record[name] = value
    return records


def _outputs(request: LoggedRequest) -> list[dict[str, Any]]:
    return [
        {"label": label, "probability": probability}
        for label, probability in zip(request.labels, request.probability_N, strict=True)
    ]


def _line(request: LoggedRequest, collection: str, records: list[dict[str, Any]]) -> bytes:
    data = orjson.dumps(records, option=orjson.OPT_SERIALIZE_NUMPY)
    source = request.source
    return orjson.dumps(
        {
            "specversion": "1.0",
            # The same request has the same id in every export.
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{request.request_id}/{collection}")),
            "source": f"/onlineEndpoints/{source.endpoint}/deployments/{source.deployment}",
            "type": f"azureml.inference.{collection}",
            "datacontenttype": "application/json",
            "time": f"{datetime.fromtimestamp(request.received_at_s, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "data": orjson.Fragment(data),
            "correlationid": request.request_id,
            "xrequestid": request.request_id,
            "modelversion": source.model,
            "agent": _AGENT,
            "contentrange": f"bytes 0-{len(data) - 1}/{len(data)}",
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


class _Files:
    """Lines to the files of their hours; some files at a time stay open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path, BinaryIO] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def add(self, request: LoggedRequest, collection: str, records: list[dict[str, Any]]) -> None:
        hour = f"{datetime.fromtimestamp(request.received_at_s, UTC):%Y/%m/%d/%H}"
        source = request.source
        path = self._folder / source.endpoint / source.deployment / collection / hour / f"{source.id}.jsonl"
        self._file(path).write(_line(request, collection, records))

    def _file(self, path: Path) -> BinaryIO:
        file = self._open.get(path)
        if file is None:
            if len(self._open) >= _OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._open[path] = path.open("ab")
        return file
