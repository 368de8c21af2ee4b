"""What one server process has done, in Prometheus' text format. Counts; keeps no request."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

BUCKETS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server process, moved by its event loop alone."""

    def __init__(self) -> None:
        self.started_s = time.time()
        self.requests: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.images = 0
        self.decode_s = 0.0
        self.encode_s = 0.0
        self._buckets = [0] * (len(BUCKETS_MS) + 1)
        self._latency_sum_ms = 0.0

    def count(self, status: int, latency_ms: float, images: int, error_code: str | None) -> None:
        """One request to /score was answered."""
        self.requests[status] += 1
        self.images += images
        self._buckets[bisect_left(BUCKETS_MS, latency_ms)] += 1
        self._latency_sum_ms += latency_ms
        if error_code:
            self.errors[error_code] += 1

    def text(self, labels: Mapping[str, str], gauges: Mapping[str, tuple[str, str, float]]) -> bytes:
        """The exposition.

        Args:
            labels: put on every sample (model, deployment).
            gauges: name → (kind, help, value), for what others count.
        """
        lines: list[str] = []
        common = _labels(labels)
        lines += _family("requests_total", "counter", "Requests to /score by HTTP status")
        lines += [
            _sample("requests_total", {**labels, "status": str(key)}, n) for key, n in sorted(self.requests.items())
        ]
        lines += _family("errors_total", "counter", "Refused or failed requests by error code")
        lines += [_sample("errors_total", {**labels, "error_code": key}, n) for key, n in sorted(self.errors.items())]
        lines += _family("images_total", "counter", "Images classified")
        lines.append(f"pigeonhole_images_total{common} {self.images}")
        lines += _family("request_duration_seconds", "histogram", "From the whole request read to the answer handed on")
        lines += self._histogram(labels)
        for name, (kind, text, value) in gauges.items():
            lines += _family(name, kind, text)
            lines.append(f"pigeonhole_{name}{common} {value:.15g}")
        return ("\n".join(lines) + "\n").encode()

    def _histogram(self, labels: Mapping[str, str]) -> Iterator[str]:
        total = 0
        for edge, n in zip([*(f"{bucket / 1e3:g}" for bucket in BUCKETS_MS), "+Inf"], self._buckets, strict=True):
            total += n
            yield _sample("request_duration_seconds_bucket", {**labels, "le": edge}, total)
        yield _sample("request_duration_seconds_sum", labels, self._latency_sum_ms / 1e3)
        yield _sample("request_duration_seconds_count", labels, total)


def _family(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP pigeonhole_{name} {text}.", f"# TYPE pigeonhole_{name} {kind}"]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    return f"pigeonhole_{name}{_labels(labels)} {value:.15g}"


def _labels(labels: Mapping[str, str]) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"
