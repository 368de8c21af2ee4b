"""MLflow's scoring protocol, `POST /invocations`: a table, `instances` or `inputs` in JSON, or CSV. Imports no MLflow.

Specification: https://mlflow.org/docs/latest/deployment/deploy-model-locally (input format); answers as /score does.
Axes: N images, K classes.
"""

from __future__ import annotations

from typing import Any

from pigeonhole.core.errors import DataError, listing
from pigeonhole.serving.http import Headers, RequestError
from pigeonhole.serving.protocols import csv_table, pieces, rows
from pigeonhole.serving.protocols.azure import check_encoding, encode
from pigeonhole.serving.protocols.base64_images import read_texts
from pigeonhole.serving.protocols.decoded import LARGE_BYTES, SCALES, Decoded, Dialect, Facts, Work, finished
from pigeonhole.serving.protocols.files import decode_files
from pigeonhole.serving.protocols.parsing import kind, parse, short, unfit_count, unfit_options, unknown

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARAMS = ("scale", "invert")
_ROWS = (b"inputs", b"instances")
_EXAMPLE = '{"instances": [[0, 0, 127, …]]}'
_ACCEPTED = (
    f'one of {", ".join(FORMS)}, such as {_EXAMPLE}, and if need be "params": {{"scale": "0-1", "invert": true}}'
)


def decode(body: bytes, headers: Headers, _query: bytes, facts: Facts) -> Decoded | Work:
    """The images of a request to /invocations.

    Raises:
        RequestError: the body is compressed, or a table in Parquet (415).
        UsageError: it is neither JSON nor CSV.
        DataError: it is, and its images cannot be used.
    """
    check_encoding(headers)
    content_type = headers.get(b"content-type", b"application/json")
    if content_type.partition(b";")[0].strip().lower() == csv_table.KIND:
        # Cell by cell it takes as long as ten times as much JSON.
        return (lambda: finished(_csv(body, facts))) if len(body) > LARGE_BYTES // 10 else _csv(body, facts)
    if not content_type.startswith(b"application/json"):
        raise RequestError(
            415,
            "unsupported_media_type",
            f"a body of type {content_type.decode('latin-1')}",
            "application/json or text/csv",
            f"send JSON: {_EXAMPLE}",
        )
    if len(body) > LARGE_BYTES:
        return lambda: pieces.quick(body, _ROWS, facts) or finished(_read(parse(body, _EXAMPLE), facts))
    return _read(parse(body, _EXAMPLE), facts)


def _read(request: Any, facts: Facts) -> Decoded | Work:
    if not isinstance(request, dict):
        raise DataError(f"a JSON {kind(request)}", _ACCEPTED, "send a JSON object")
    found = [form for form in FORMS if form in request]
    problems = [unknown(key, (*FORMS, "params")) for key in request if key not in (*FORMS, "params")]
    if len(found) != 1:
        problems.append(f"{' and '.join(found) or 'none'} of {', '.join(FORMS)}, not one of them")
    params = request.get("params") or {}
    problems += _unfit_params(params)
    if problems:
        raise DataError(f"the request:\n{listing(problems)}", _ACCEPTED, "correct the keys named above")
    form = found[0]
    images = _READERS[form](request[form])
    if problems := unfit_count(form, images, True, facts.max_images):
        raise DataError(f"the request:\n{listing(problems)}", _ACCEPTED, "send a list of images")
    return _images(images, form, facts, params)


def _csv(body: bytes, facts: Facts) -> Decoded | Work:
    images = [_unwrapped(row) for row in csv_table.read_rows(body)]
    if problems := unfit_count("rows", images, True, facts.max_images):
        raise DataError(f"the table:\n{listing(problems)}", csv_table.ACCEPTED, "send a row for each image")
    return _images(images, "rows", facts, {})


def _unfit_params(params: Any) -> list[str]:
    if not isinstance(params, dict):
        return [f"params: {short(params)}, not an object"]
    problems = [unknown(key, PARAMS) for key in params if key not in PARAMS]
    return [f"params: {problem}" for problem in problems + unfit_options(params, SCALES)]


def _images(images: list[Any], form: str, facts: Facts, params: dict[str, Any]) -> Decoded | Work:
    """Numbers, or what MLflow's clients make of a column of bytes: texts in base64."""
    invert = params.get("invert", False)
    if any(isinstance(image, str) for image in images):
        files = read_texts(images, [f"{form}[{index}]" for index in range(len(images))])
        return lambda: decode_files(files, facts, invert=invert)
    return rows.read(images, form, facts, params.get("scale"), invert=invert)


def _split(table: Any) -> Any:
    """`{"columns": […], "index": […], "data": [[…], …]}`: a row an image."""
    if not isinstance(table, dict) or not isinstance(table.get("data"), list):
        raise DataError(
            f"dataframe_split: {short(table)}",
            '{"columns": […], "data": [[…], …]}',
            'pandas writes it by orient="split"',
        )
    if other := [key for key in table if key not in ("columns", "index", "data")]:
        told = "; ".join(unknown(key, ("columns", "index", "data")) for key in other[:10])
        raise DataError(f"dataframe_split: {told}", "columns, index and data", "leave the other keys out")
    return [_unwrapped(row) for row in table["data"]]


def _records(table: Any) -> Any:
    """`[{"pixel0": 0, …}, …]`: an object an image, its values in the order of the first one's keys."""
    if not isinstance(table, list) or not all(isinstance(record, dict) for record in table):
        raise DataError(
            f"dataframe_records: {short(table)}",
            "a list of objects, one an image",
            'pandas writes it by orient="records"',
        )
    columns = list(table[0]) if table else []
    for index, record in enumerate(table):
        if record.keys() != table[0].keys():
            raise DataError(
                f"dataframe_records[{index}] with other columns than dataframe_records[0]",
                "the same columns in each",
                "fill in the missing values",
            )
    return [_unwrapped([record[column] for column in columns]) for record in table]


def _tensor(value: Any) -> Any:
    """A list of images, of objects with one image each, or an object with one list of images."""
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))
    if isinstance(value, list):
        return [next(iter(item.values())) if isinstance(item, dict) and len(item) == 1 else item for item in value]
    return value


def _unwrapped(row: Any) -> Any:
    """A table of one column holds each image in one cell, as a list or a text."""
    return row[0] if isinstance(row, list) and len(row) == 1 and isinstance(row[0], list | str) else row


_READERS = {"dataframe_split": _split, "dataframe_records": _records, "instances": _tensor, "inputs": _tensor}
INVOCATIONS = Dialect(decode, encode, "/invocations")
