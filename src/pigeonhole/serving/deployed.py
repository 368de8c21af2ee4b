"""One deployment in a server process: its model ready to run, its queue, its counters, its prediction log.

Axes: N images, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle import Bundle
from pigeonhole.predictions import Entry, PredictionLog
from pigeonhole.serving.batch import Batcher
from pigeonhole.serving.config import ServedDeployment
from pigeonhole.serving.metrics import Metrics


class Deployed:
    """A deployment that answers.

    Args:
        told: its name and shares.
        bundle: verified, and its probe reproduced.
        log: where its answers are written; `None` keeps none.
        seconds_per_image: as the warm-up measured it.
        max_waiting_images: images that may wait for the model.
    """

    def __init__(
        self,
        told: ServedDeployment,
        bundle: Bundle,
        log: PredictionLog | None,
        seconds_per_image: float,
        max_waiting_images: int,
    ) -> None:
        self.name = told.name
        self.model = told.model_name
        self.traffic = told.traffic
        self.mirror = told.mirror
        self.bundle = bundle
        self.shape = bundle.shape_HWC
        self.class_names = bundle.class_names
        self.normal = bundle.normal
        self.log = log
        self.metrics = Metrics()
        self._session = bundle.session
        self.batcher = Batcher(self.run, self.shape, max_waiting_images, seconds_per_image)

    def run(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The probabilities (N, K) of one batch; several threads may ask at once."""
        return self._session.run(images_NHWC)[0]

    def note(self, entry: Entry) -> None:
        """Writes an entry into the prediction log, if one is kept."""
        if self.log is not None:
            self.log.add(entry)
