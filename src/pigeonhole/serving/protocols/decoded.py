"""What every protocol reads a body into, and what it must know for that.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pigeonhole.images import Normal, Shape
from pigeonhole.serving.http import Headers, Reply

SCALE_255, SCALE_1 = "0-255", "0-1"
SCALES = (SCALE_255, SCALE_1)
_INVERTED = bytes(range(255, -1, -1))


@dataclass(slots=True)
class Decoded:
    """N images as the model wants them; not to be changed. (`frozen` would cost every request half a microsecond.)

    Attributes:
        pixels: N·H·W·C uint8 values.
        n: the number of images.
        scale: the scale they were read in, `0-255` or `0-1`.
        warnings: what the sender should know.
    """

    pixels: bytes
    n: int
    scale: str = SCALE_255
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What reading and answering need to know about a deployment.

    Attributes:
        model: the model's name, such as `digits:3`.
        deployment: the deployment's name.
        shape: (H, W, C) of its images.
        class_names: class k's name.
        normal: how bright the training images are; `None` where that is not known.
        max_images: how many a request may hold.
        max_pixels: how many an image file may have.
    """

    model: str
    deployment: str
    shape: Shape
    class_names: tuple[str, ...]
    normal: Normal | None
    max_images: int
    max_pixels: int

    @property
    def size(self) -> int:
        """Numbers an image, H·W·C."""
        return self.shape[0] * self.shape[1] * self.shape[2]


Probs = npt.NDArray[np.float32]
# What takes long (a large body, an image file) is handed back as work, for a thread to do.
Work = Callable[[], Decoded]
Decode = Callable[[bytes, Headers, bytes, Facts], Decoded | Work]
Encode = Callable[[Decoded, Probs, Facts, str], Reply]
# Beyond this a body is read in a thread: 256 KiB of JSON take half a millisecond.
LARGE_BYTES = 256 << 10


class Dialect(NamedTuple):
    """A protocol.

    Attributes:
        decode: body, headers, query string, facts → the images; raises `DataError`, `UsageError` or `RequestError`.
        encode: the images, their probabilities (N, K), facts, request id → the reply.
        route: the path where it is spoken, as metrics call it.
    """

    decode: Decode
    encode: Encode
    route: str = "/score"


def inverted(decoded: Decoded) -> Decoded:
    """The same images with dark and light swapped."""
    return replace(decoded, pixels=decoded.pixels.translate(_INVERTED))


def finished(decoded: Decoded | Work) -> Decoded:
    """Does the work, if it was left."""
    return decoded if isinstance(decoded, Decoded) else decoded()
