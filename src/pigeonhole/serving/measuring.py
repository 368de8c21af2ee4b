"""What is asked of a server for `/metrics`: its own counters, and those of the processes that share its endpoint."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pigeonhole.serving.counting import NOBODY, Metrics
from pigeonhole.serving.deployed import Answering
from pigeonhole.serving.metrics import OF_THE_PLAN, Samples, counted, exposition, joined, packed, unpacked
from pigeonhole.serving.sharing import Shared

logger = logging.getLogger("pigeonhole.serving")
_STARTED_S = time.time()
Family = dict[tuple[str, ...], Sequence[float]]


class Meter:
    """The metrics of a server.

    Args:
        deployments: what it serves.
        folder: where the processes of the endpoint leave their counters for each other; `None` for one by itself.

    Attributes:
        nobody: the counters of requests that reached no deployment.
        asked: further metrics without labels, and who knows their value.
    """

    def __init__(self, deployments: Sequence[Answering], folder: Path | None) -> None:
        self.nobody = Metrics()
        self.asked: dict[str, Callable[[], float]] = {}
        self._deployments = deployments
        self._shared = None if folder is None else Shared(folder, _together)
        self._has_failed = False

    def text(self) -> bytes:
        """What Prometheus reads: the sum over the endpoint's processes, ended ones too."""
        # Left first: what was once told, the others go on telling if this process ends now.
        own = self._publish()
        others: Iterable[Samples] = ()
        if self._shared:
            running, ended = self._shared.others()
            others = [*map(_of_another, running), *(counted(unpacked(content)) for content in ended)]
        return exposition(joined([own, *others]))

    def keep_up(self) -> None:
        """To be called several times a second: what was counted so far is left for the others."""
        if self._shared:
            self._publish()
        else:
            for each in self._deployments:
                each.metrics.classes_K()

    def _publish(self) -> Samples:
        samples = self._samples()
        if self._shared:
            try:
                self._shared.leave(packed(samples))
                self._has_failed = False
            except OSError as error:
                if not self._has_failed:
                    self._has_failed = True
                    logger.error("the counters of this process do not reach the others: %s", error)
        return samples

    def close(self) -> None:
        """Leaves the counters for good; the process is no longer among those that run."""
        self._publish()
        if self._shared:
            self._shared.close()
            self._shared = None

    def _samples(self) -> Samples:
        samples = _process()
        samples |= {name: {(): [value()]} for name, value in self.asked.items()}
        requests, errors = _requests(NOBODY, self.nobody)
        samples |= {"pigeonhole_requests_total": requests, "pigeonhole_errors_total": errors}
        for each in self._deployments:
            for name, family in _of(each).items():
                samples.setdefault(name, {}).update(family)
        return samples


def _together(contents: list[bytes]) -> bytes:
    return packed(joined(counted(unpacked(content)) for content in contents))


def _of_another(content: bytes) -> Samples:
    return {name: family for name, family in unpacked(content).items() if name not in OF_THE_PLAN}


def _requests(deployment: str, metrics: Metrics) -> tuple[Family, Family]:
    return (
        {(deployment, route, str(status)): [n] for (route, status), n in metrics.answered.items()},
        {(deployment, code): [n] for code, n in metrics.errors.items()},
    )


def _of(deployment: Answering) -> Samples:
    metrics, batcher, log, name = deployment.metrics, deployment.batcher, deployment.log, deployment.name
    requests, errors = _requests(name, metrics)
    one: dict[str, Sequence[float]] = {
        "request_duration_seconds": metrics.duration.values(),
        "queue_wait_seconds": metrics.queue_wait.values(),
        "batch_size_images": batcher.sizes.values(),
        "model_duration_seconds": batcher.durations.values(),
        "decode_seconds_total": [metrics.decode_s],
        "encode_seconds_total": [metrics.encode_s],
        "script_restarts_total": [deployment.restarts],
        "mirror_dropped_total": [metrics.mirror_dropped],
        "prediction_log_written_total": [log.written if log else 0],
        "prediction_log_dropped_total": [log.dropped if log else 0],
        "prediction_log_images_dropped_total": [log.images_dropped if log else 0],
        "waiting_requests": [batcher.requests],
        "waiting_images": [batcher.waiting],
        "traffic_percent": [deployment.traffic],
    }
    samples: Samples = {f"pigeonhole_{what}": {(name,): values} for what, values in one.items()}
    return samples | {
        "pigeonhole_requests_total": requests,
        "pigeonhole_errors_total": errors,
        "pigeonhole_predictions_total": {
            (name, said): [n] for said, n in zip(metrics.class_names, metrics.classes_K().tolist(), strict=True)
        },
        "pigeonhole_mirrored_total": {(name, str(status)): [n] for status, n in metrics.mirrored.items()},
        "pigeonhole_deployment_info": {(name, deployment.model): [1]},
    }


def _process() -> Samples:
    samples: Samples = {
        "process_cpu_seconds_total": {(): [round(time.process_time(), 2)]},
        "process_start_time_seconds": {(): [round(_STARTED_S, 3)]},
    }
    with contextlib.suppress(OSError):  # only Linux tells it so
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        samples["process_resident_memory_bytes"] = {(): [pages * os.sysconf("SC_PAGE_SIZE")]}
    return samples
