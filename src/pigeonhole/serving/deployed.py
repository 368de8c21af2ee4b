"""One deployment in a server process: its model ready to run, its queue, its counters, its prediction log.

Axes: N images, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole import __version__
from pigeonhole.bundle import Bundle
from pigeonhole.predictions import Entry, PredictionLog
from pigeonhole.serving.batch import Batcher
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.http import Reply
from pigeonhole.serving.metrics import Metrics
from pigeonhole.serving.protocols.decoded import Facts
from pigeonhole.serving.protocols.open_inference import split_model

_SERVER = (b"x-ms-server-version", f"pigeonhole/{__version__}".encode())
_WELL = (b"x-ms-run-function-failed", b"False")
_FAILED = (b"x-ms-run-function-failed", b"True")


class Deployed:
    """A deployment that answers.

    Args:
        told: its name and shares.
        bundle: verified, and its probe reproduced.
        log: where its answers are written; `None` keeps none.
        seconds_per_image: as the warm-up measured it.
        config: what requests may hold.
    """

    def __init__(
        self,
        told: ServedDeployment,
        bundle: Bundle,
        log: PredictionLog | None,
        seconds_per_image: float,
        config: ServingConfig,
    ) -> None:
        self.name = told.name
        self.model = told.model_name
        self.model_name, self.model_version = split_model(told.model_name)
        self.traffic = told.traffic
        self.mirror = told.mirror
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
        timeout_ms = told.limits.request_timeout_ms
        self.timeout_s = config.request_timeout_s if timeout_ms is None else timeout_ms / 1e3
        self.log = log
        self.metrics = Metrics()
        self._session = bundle.session
        self._name_header = (b"azureml-model-deployment", told.name.encode())
        self.batcher = Batcher(
            self.run,
            bundle.shape_HWC,
            config.max_waiting_images,
            seconds_per_image,
            max_requests=told.limits.max_waiting_requests or config.max_waiting_requests,
            max_wait_ms=told.limits.max_queue_wait_ms,
        )

    def run(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The probabilities (N, K) of one batch; several threads may ask at once."""
        return self._session.run(images_NHWC)[0]

    def note(self, entry: Entry) -> None:
        """Writes an entry into the prediction log, if one is kept."""
        if self.log is not None:
            self.log.add(entry)

    def sign(self, reply: Reply, latency_ms: float) -> None:
        """Adds the headers of Azure's servers: who answered, in what time, and whether the model failed."""
        failed = _FAILED if reply.status in (424, 500) else _WELL
        reply.headers += (self._name_header, failed, _SERVER, (b"x-ms-run-fn-exec-ms", b"%.3f" % latency_ms))
