"""What became of a few consecutive images. The unit in which work is done, recorded and written.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outcome:
    """Predictions of N images, or why there is none.

    Attributes:
        start: the row of the first image, from 0.
        names: where each stands, in the user's words.
        probs_NK: float32 probabilities; NaN in the rows of failed images.
        failed: place (0 to N-1) → why there is no prediction.
        warned: place → what a person should know about how the image became what the model takes.
    """

    start: int
    names: Sequence[str]
    probs_NK: NDArray[np.float32]
    failed: Mapping[int, str] = field(default_factory=dict)
    warned: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.probs_NK)

    @property
    def labels_N(self) -> NDArray[np.int64]:
        """The most probable class of each image; -1 where it failed."""
        labels_N: NDArray[np.int64] = self.probs_NK.argmax(axis=1)
        labels_N[list(self.failed)] = -1
        return labels_N
