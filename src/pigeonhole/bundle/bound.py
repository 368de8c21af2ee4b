"""Small batches through tensors that stay in place: handing them over anew costs more than copying them.

ONNX Runtime checks, wraps and unwraps what it is given: 3 µs a run in a loop of nothing else, and 6 between all that a
request needs, where one small image takes 25. Here each size of batch is bound once.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle.session import INPUT, OUTPUTS, Session, runtime

# Of the pixels of a batch; where there are more, what is saved here is lost in the time of the model.
LIMIT_BYTES = 64 << 10


class _Place(NamedTuple):
    images_NHWC: npt.NDArray[np.uint8]
    probs_NK: npt.NDArray[np.float32]
    binding: Any


class BoundRuns:
    """The runs of one session, for one caller at a time.

    Args:
        session: what runs, the larger batches too.
        shape_HWC: of its images.
        n_classes: K.
    """

    def __init__(self, session: Session, shape_HWC: tuple[int, int, int], n_classes: int) -> None:
        self._session = session
        self._n_classes = n_classes
        largest = LIMIT_BYTES // int(np.prod(shape_HWC))
        self._images_NHWC = np.empty((largest, *shape_HWC), np.uint8)
        self._places: dict[int, _Place] = {}

    def probabilities(self, images_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (N, K) of one batch, in an array that is the caller's to keep."""
        place = self._places.get(len(images_NHWC)) or self._bound(len(images_NHWC))
        if place is None:
            return self._session.probabilities(images_NHWC)
        place.images_NHWC[:] = images_NHWC
        self._session.run_bound(place.binding)
        return place.probs_NK.copy()

    def _bound(self, n: int) -> _Place | None:
        if not 0 < n <= len(self._images_NHWC):
            return None
        value = runtime().OrtValue.ortvalue_from_numpy
        place = _Place(self._images_NHWC[:n], np.empty((n, self._n_classes), np.float32), self._session.binding())
        place.binding.bind_ortvalue_input(INPUT, value(place.images_NHWC))
        place.binding.bind_ortvalue_output(OUTPUTS[0], value(place.probs_NK))
        self._places[n] = place
        return place
