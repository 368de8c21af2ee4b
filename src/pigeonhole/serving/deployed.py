"""One deployment in a server process: its model ready to run, its queue, its counters, its prediction log.

What answers with a user's script has the same name, shares, counters and log, and stands in `scripted`.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from pigeonhole import __version__
from pigeonhole.bundle import Bundle
from pigeonhole.bundle.bound import BoundRuns
from pigeonhole.predictions import Entries, Entry, PredictionLog
from pigeonhole.serving.batch import Batcher, Probs
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.counting import Histogram, Metrics
from pigeonhole.serving.http import Reply
from pigeonhole.serving.protocols.decoded import Facts
from pigeonhole.serving.protocols.open_inference import split_model

_SIGNATURE = (
    f"azureml-model-deployment: {{name}}\r\nx-ms-run-function-failed: {{failed}}\r\n"
    f"x-ms-server-version: pigeonhole/{__version__}\r\nx-ms-run-fn-exec-ms: "
)


class Queue(Protocol):
    """What waits for a deployment, and what it has done."""

    @property
    def waiting(self) -> int:
        """Images that wait."""

    @property
    def requests(self) -> int:
        """Requests that wait."""

    @property
    def sizes(self) -> Histogram:
        """The images of each run of the model."""

    @property
    def durations(self) -> Histogram:
        """The seconds of each run of the model, or the script."""


class Answering:
    """A deployment that answers, whatever it does so with.

    Args:
        told: its name and shares.
        log: where its answers are written; `None` keeps none.
        class_names: what it may say, as metrics count it; none where nothing is classified.
        config: how long a request may take, where the deployment itself does not say.
    """

    is_script: ClassVar[bool] = False
    batcher: Queue

    def __init__(
        self, told: ServedDeployment, log: PredictionLog | None, config: ServingConfig, class_names: Sequence[str] = ()
    ) -> None:
        self.name = told.name
        self.model = told.model_name
        self.model_name, self.model_version = split_model(told.model_name)
        self.traffic = told.traffic
        self.mirror = told.mirror
        timeout_ms = told.limits.request_timeout_ms
        self.timeout_s = config.request_timeout_s if timeout_ms is None else timeout_ms / 1e3
        self.log = log
        self.metrics = Metrics(class_names)
        self._signatures = [_SIGNATURE.format(name=told.name, failed=failed).encode() for failed in (False, True)]

    @property
    def is_well(self) -> bool:
        """Whether it can answer; once a server is ready, only a script may come to be unable to."""
        return True

    @property
    def restarts(self) -> int:
        """How often a process of its own was started again."""
        return 0

    def note(self, entry: Entry) -> None:
        """Writes an entry into the prediction log, if one is kept."""
        if self.log is not None:
            self.log.add(entry)

    def sign(self, reply: Reply, exec_ms: float, *, failed: bool) -> None:
        """Adds the headers of Azure's servers: who answered, whether the model failed, and how long it took."""
        reply.lines = self._signatures[failed] + b"%.3f\r\n" % exec_ms

    def close(self) -> None:
        """Ends what it has running, and writes what its log still holds."""
        if self.log is not None:
            self.log.close()


class Deployed(Answering):
    """A deployment that answers with a bundle.

    Args:
        told: its name and shares.
        bundle: verified, and its probe reproduced.
        log: where its answers are written; `None` keeps none.
        seconds_per_image: as the warm-up measured it.
        config: what requests may hold.
    """

    batcher: Batcher

    def __init__(
        self,
        told: ServedDeployment,
        bundle: Bundle,
        log: PredictionLog | None,
        seconds_per_image: float,
        config: ServingConfig,
    ) -> None:
        super().__init__(told, log, config, bundle.class_names)
        self.bundle = bundle
        self.facts = Facts(
            told.model_name,
            told.name,
            bundle.shape_HWC,
            bundle.class_names,
            bundle.normal,
            config.max_images,
            config.max_pixels,
        )
        self._runs = BoundRuns(bundle.session, bundle.shape_HWC, len(bundle.class_names))
        # Of the batch that is being delivered: id, received, latency, images, their pixels and probabilities.
        self.answered: list[tuple[str, float, float, int, bytes, Probs]] = []
        self.batcher = Batcher(
            self.run,
            bundle.shape_HWC,
            config.max_waiting_images,
            seconds_per_image,
            max_requests=told.limits.max_waiting_requests or config.max_waiting_requests,
            max_wait_ms=told.limits.max_queue_wait_ms,
            delivered=self._delivered,
        )

    def run(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The probabilities (N, K) of one batch; for one caller at a time."""
        return self._runs.probabilities(images_NHWC)

    def _delivered(self, requests: int, pixels: bytes, probs_NK: Probs) -> None:
        """Counts and logs a batch at once, which for each request by itself would cost twice as much."""
        answered, self.answered = self.answered, []
        if not answered:
            return
        ids, received_s, latency_ms, counts, each_pixels, each_NK = zip(*answered, strict=True)
        if len(answered) < requests:  # the time of the others was over, and that has been logged
            pixels, probs_NK = b"".join(each_pixels), np.concatenate(each_NK)
        self.metrics.classified(probs_NK)
        if self.log is not None:
            n = len(answered)
            self.log.add_together(
                Entries(ids, received_s, latency_ms, (200,) * n, (None,) * n, counts, pixels, probs_NK)
            )
