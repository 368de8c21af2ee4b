"""What one server process has done, in Prometheus' text format. Counts; keeps no request."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BUCKETS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]
# What is counted apart by one more label: name, help, that label, and the attribute of `Metrics`.
_COUNTERS = (
    ("requests_total", "Scoring requests by HTTP status", "status", "requests"),
    ("errors_total", "Refused or failed requests by error code", "error_code", "errors"),
    ("mirrored_total", "Copies run, by the status they would have had", "status", "mirrored"),
)
Gauges = Mapping[str, tuple[str, str, float]]


class Metrics:
    """Counters of one deployment in one server process, moved by its event loop alone."""

    def __init__(self) -> None:
        self.started_s = time.time()
        self.requests: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.mirrored: Counter[int] = Counter()
        self.mirror_dropped = 0
        self.images = 0
        self.decode_s = 0.0
        self.encode_s = 0.0
        self._buckets = [0] * (len(BUCKETS_MS) + 1)
        self._latency_sum_ms = 0.0

    def count(self, status: int, latency_ms: float, images: int, error_code: str | None) -> None:
        """One request was answered."""
        self.requests[status] += 1
        self.images += images
        self._buckets[bisect_left(BUCKETS_MS, latency_ms)] += 1
        self._latency_sum_ms += latency_ms
        if error_code:
            self.errors[error_code] += 1

    def histogram(self, labels: Labels) -> Iterator[str]:
        """The samples of the latency."""
        total = 0
        for edge, n in zip([*(f"{bucket / 1e3:g}" for bucket in BUCKETS_MS), "+Inf"], self._buckets, strict=True):
            total += n
            yield _sample("request_duration_seconds_bucket", {**labels, "le": edge}, total)
        yield _sample("request_duration_seconds_sum", labels, self._latency_sum_ms / 1e3)
        yield _sample("request_duration_seconds_count", labels, total)


def exposition(counted: Sequence[tuple[Labels, Metrics, Gauges]], process: Gauges) -> bytes:
    """The text that Prometheus reads; each family stands once.

    Args:
        counted: the labels of each deployment (model, deployment), its counters, and what others count about it:
            name → (kind, help, value), the same names for each.
        process: what is counted once for the whole process.
    """
    lines: list[str] = []
    for name, text, key, counter in _COUNTERS:
        samples: list[str] = []
        for labels, metrics, _ in counted:
            numbers: Counter[Any] = getattr(metrics, counter)
            samples += [_sample(name, {**labels, key: str(what)}, n) for what, n in sorted(numbers.items())]
        lines += [*_family(name, "counter", text), *samples] if samples else []
    lines += _family("images_total", "counter", "Images classified")
    lines += [_sample("images_total", labels, metrics.images) for labels, metrics, _ in counted]
    lines += _family("request_duration_seconds", "histogram", "From the whole request read to the answer handed on")
    for labels, metrics, _ in counted:
        lines += metrics.histogram(labels)
    for name, (kind, text, _) in counted[0][2].items():
        lines += _family(name, kind, text)
        lines += [_sample(name, labels, gauges[name][2]) for labels, _, gauges in counted]
    for name, (kind, text, value) in process.items():
        lines += [*_family(name, kind, text), _sample(name, {}, value)]
    return ("\n".join(lines) + "\n").encode()


def _family(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP pigeonhole_{name} {text}.", f"# TYPE pigeonhole_{name} {kind}"]


def _sample(name: str, labels: Labels, value: float) -> str:
    return f"pigeonhole_{name}{_labels(labels)} {value:.15g}"


def _labels(labels: Labels) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}" if labels else ""
