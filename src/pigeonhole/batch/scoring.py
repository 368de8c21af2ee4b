"""A portion of images → its outcome: read, prepare as serving does, predict; try again what may pass. Writes nothing.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pigeonhole.batch.outcome import Outcome
from pigeonhole.bundle import Bundle
from pigeonhole.core.errors import DataError
from pigeonhole.data.unlabelled import Encoded, Pixels, Portion
from pigeonhole.images import Prepared, prepare, prepare_pixels

# Small enough that a layer's values stay in the processor's cache, large enough that a call does not show.
MODEL_BATCH = 64
PAUSE_S = 0.05
_Result = TypeVar("_Result")


class _GivenUpError(Exception):
    """An error that did not pass, after all the tries that were allowed."""


class Scorer:
    """Gives the outcome of portions; threads may share it.

    Args:
        bundle: the model.
        invert: swap dark and light first.
        max_retries: tries after the first.
    """

    def __init__(self, bundle: Bundle, *, invert: bool = False, max_retries: int = 0) -> None:
        self._bundle, self._invert, self._retries = bundle, invert, max_retries

    def __call__(self, portion: Portion) -> Outcome:
        """The outcome of one portion; an image that fails is in it with its reason."""
        try:
            loaded = self._tried(portion.load)
        except (_GivenUpError, DataError) as error:
            return self._nothing(portion, _reason(error))
        if isinstance(loaded, Encoded):
            return self._of_files(portion, loaded)
        return self._of_pixels(portion, loaded)

    def _of_pixels(self, portion: Portion, pixels: Pixels) -> Outcome:
        images_NHWC = pixels.images_NHWC
        if images_NHWC.shape[1:] == self._bundle.shape_HWC and not self._invert and not pixels.damaged:
            return self._predicted(portion, images_NHWC, range(len(portion)), {}, {})
        prepared = {
            place: prepare_pixels(image_HWC, self._bundle.shape_HWC, invert=self._invert, reference=self._bundle.normal)
            for place, image_HWC in enumerate(images_NHWC)
            if place not in pixels.damaged
        }
        return self._of_prepared(portion, prepared, dict(pixels.damaged))

    def _of_files(self, portion: Portion, files: Encoded) -> Outcome:
        prepared: dict[int, Prepared] = {}
        failed: dict[int, str] = {}
        for place, (name, read) in enumerate(zip(portion.names, files.readers, strict=True)):
            try:
                prepared[place] = prepare(
                    self._tried(read),
                    self._bundle.shape_HWC,
                    invert=self._invert,
                    reference=self._bundle.normal,
                    source=name,
                )
            except (_GivenUpError, DataError) as error:
                failed[place] = _reason(error).removeprefix(f"{name} ")
        return self._of_prepared(portion, prepared, failed)

    def _of_prepared(self, portion: Portion, prepared: dict[int, Prepared], failed: dict[int, str]) -> Outcome:
        if not prepared:
            return Outcome(portion.start, portion.names, self._no_probs(len(portion)), failed)
        images_NHWC = np.stack([item.image_HWC for item in prepared.values()])
        warned = {place: item.warnings for place, item in prepared.items() if item.warnings}
        return self._predicted(portion, images_NHWC, list(prepared), failed, warned)

    def _predicted(
        self,
        portion: Portion,
        images_NHWC: NDArray[np.uint8],
        places: Sequence[int],
        failed: dict[int, str],
        warned: dict[int, list[str]],
    ) -> Outcome:
        try:
            found_NK = self._tried(lambda: self._bundle.predict(images_NHWC, MODEL_BATCH).probs_NK)
        except _GivenUpError as error:
            return self._nothing(portion, _reason(error), failed)
        if len(places) == len(portion):
            probs_NK = found_NK
        else:
            probs_NK = self._no_probs(len(portion))
            probs_NK[list(places)] = found_NK
        for place in np.flatnonzero(~np.isfinite(probs_NK).all(axis=1)).tolist():
            failed.setdefault(place, "the model gave a probability that is no number")
            probs_NK[place] = np.nan
        return Outcome(portion.start, portion.names, probs_NK, failed, warned)

    def _nothing(self, portion: Portion, reason: str, known: dict[int, str] | None = None) -> Outcome:
        """No image of the portion could be predicted."""
        failed = {place: (known or {}).get(place, reason) for place in range(len(portion))}
        return Outcome(portion.start, portion.names, self._no_probs(len(portion)), failed)

    def _no_probs(self, n: int) -> NDArray[np.float32]:
        return np.full((n, len(self._bundle.class_names)), np.nan, np.float32)

    def _tried(self, work: Callable[[], _Result]) -> _Result:
        """The result of `work`, which is tried again after an error that may pass.

        Raises:
            _GivenUpError: it did not pass.
        """
        for attempt in range(self._retries + 1):
            try:
                return work()
            except Exception as error:  # onnxruntime's own classes share no base below Exception
                if not may_pass(error):
                    raise
                if attempt == self._retries:
                    raise _GivenUpError(str(error)) from error
            time.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")


def may_pass(error: Exception) -> bool:
    """Whether another try may do better: errors of the file system, of memory, and of ONNX Runtime."""
    return isinstance(error, OSError | MemoryError) or type(error).__module__.startswith("onnxruntime")


def _reason(error: Exception) -> str:
    return error.received if isinstance(error, DataError) else str(error)
