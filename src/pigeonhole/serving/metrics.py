"""The families of metrics, their samples, how samples of several processes join, and Prometheus' text. Counts nothing.

Format: https://prometheus.io/docs/instrumenting/exposition_formats (text, version 0.0.4).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from pigeonhole.serving.counting import DURATION_S, SIZES, WAIT_S

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
# Of what processes leave for each other; another number wherever edges change, since then the counts do not join.
FORMAT = "1"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
# Name → the values of its labels → one number; of a histogram, as `Histogram.values` gives them.
Samples = dict[str, dict[tuple[str, ...], Sequence[float]]]


class Family(NamedTuple):
    """One metric.

    Attributes:
        kind: counter, gauge or histogram.
        text: what it says.
        labels: the names of its labels.
        edges: of a histogram.
        join: what two processes' values make together.
    """

    kind: str
    text: str
    labels: tuple[str, ...] = ()
    edges: Sequence[float] = ()
    join: Callable[[float, float], float] = operator.add


_EACH = ("deployment",)
FAMILIES: Mapping[str, Family] = {
    "pigeonhole_requests_total": Family(
        COUNTER,
        "Requests answered, by deployment (empty where none was reached), route and HTTP status",
        ("deployment", "route", "status"),
    ),
    "pigeonhole_errors_total": Family(
        COUNTER, "Requests refused or failed, by the error_code of the answer", ("deployment", "error_code")
    ),
    "pigeonhole_request_duration_seconds": Family(
        HISTOGRAM,
        "Of scoring requests: from the first byte read from the connection to the whole answer written to it",
        _EACH,
        DURATION_S,
    ),
    "pigeonhole_queue_wait_seconds": Family(
        HISTOGRAM, "Of scoring requests: from images decoded to the start of their run of the model", _EACH, WAIT_S
    ),
    "pigeonhole_batch_size_images": Family(HISTOGRAM, "Images in one run of the model", _EACH, SIZES),
    "pigeonhole_model_duration_seconds": Family(HISTOGRAM, "Of one run of the model, its whole batch", _EACH, WAIT_S),
    "pigeonhole_predictions_total": Family(
        COUNTER, "Images classified and answered, by the class said", ("deployment", "class")
    ),
    "pigeonhole_decode_seconds_total": Family(COUNTER, "Time spent reading images from requests", _EACH),
    "pigeonhole_encode_seconds_total": Family(COUNTER, "Time spent writing predictions into answers", _EACH),
    "pigeonhole_script_restarts_total": Family(
        COUNTER, "Times that the process of a user's script was started again", _EACH
    ),
    "pigeonhole_mirrored_total": Family(
        COUNTER, "Copies of requests run, by the status they would have had", ("deployment", "status")
    ),
    "pigeonhole_mirror_dropped_total": Family(COUNTER, "Copies dropped since too many waited", _EACH),
    "pigeonhole_prediction_log_written_total": Family(COUNTER, "Requests written into the prediction log", _EACH),
    "pigeonhole_prediction_log_dropped_total": Family(COUNTER, "Requests lost to the prediction log", _EACH),
    "pigeonhole_prediction_log_images_dropped_total": Family(
        COUNTER, "The oldest images that left the prediction log for newer ones", _EACH
    ),
    "pigeonhole_access_log_dropped_total": Family(COUNTER, "Requests lost to the access log"),
    "pigeonhole_requests_in_flight": Family(GAUGE, "Scoring requests read and not answered yet"),
    "pigeonhole_waiting_requests": Family(GAUGE, "Requests waiting for the model or in it", _EACH),
    "pigeonhole_waiting_images": Family(GAUGE, "Images waiting for the model or in it", _EACH),
    "pigeonhole_connections": Family(GAUGE, "Open connections of clients"),
    "pigeonhole_workers": Family(GAUGE, "Server processes that accept requests"),
    "process_cpu_seconds_total": Family(COUNTER, "User and system CPU time of all processes, ended ones too"),
    "process_resident_memory_bytes": Family(GAUGE, "Resident memory of the processes that run"),
    "process_start_time_seconds": Family(
        GAUGE, "Start of the oldest process that runs, in seconds since 1970", join=min
    ),
    # These two tell of the plan, which is the same for all; whoever is asked tells its own.
    "pigeonhole_traffic_percent": Family(GAUGE, "Share of the traffic", _EACH),
    "pigeonhole_deployment_info": Family(GAUGE, "Always 1: which model a deployment serves", ("deployment", "model")),
}
OF_THE_PLAN = frozenset({"pigeonhole_traffic_percent", "pigeonhole_deployment_info"})


def joined(several: Iterable[Samples]) -> Samples:
    """The samples of several processes in one."""
    whole: Samples = {}
    for samples in several:
        for name, family in samples.items():
            join, into = FAMILIES[name].join, whole.setdefault(name, {})
            for labels, values in family.items():
                there = into.get(labels)
                into[labels] = values if there is None else list(map(join, there, values))
    return whole


def counted(samples: Samples) -> Samples:
    """What stays true when the process has ended."""
    return {name: family for name, family in samples.items() if FAMILIES[name].kind != GAUGE}


def packed(samples: Samples) -> bytes:
    """As bytes for another process, which need not know the same families."""
    return orjson.dumps({name: list(family.items()) for name, family in samples.items()})


def unpacked(content: bytes) -> Samples:
    """What `packed` wrote; families that this release does not know are left out."""
    return {
        name: {tuple(labels): values for labels, values in family}
        for name, family in orjson.loads(content).items()
        if name in FAMILIES
    }


def exposition(samples: Samples) -> bytes:
    """The text that Prometheus reads; each family stands once."""
    lines: list[str] = []
    for name, family in FAMILIES.items():
        if samples.get(name):
            lines += [f"# HELP {name} {family.text}.", f"# TYPE {name} {family.kind}"]
            for labels, values in sorted(samples[name].items()):
                told = dict(zip(family.labels, labels, strict=True))
                lines += _histogram(name, told, family.edges, values) if family.edges else [_line(name, told, *values)]
    return ("\n".join(lines) + "\n").encode()


def _histogram(name: str, labels: Mapping[str, str], edges: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    *counts, total = values
    below = 0.0
    for edge, n in zip([*(f"{edge:g}" for edge in edges), "+Inf"], counts, strict=True):
        below += n
        yield _line(f"{name}_bucket", {**labels, "le": edge}, below)
    yield _line(f"{name}_sum", labels, total)
    yield _line(f"{name}_count", labels, below)


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value:.15g}" if told else f"{name} {value:.15g}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
