"""What a source gives: labelled images in chunks. Knows no format and writes nothing.

Axes: N images, H height, W width, C channels (1 grey, 3 red-green-blue).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import UsageError
from pigeonhole.core.progress import Progress, Silent
from pigeonhole.images import Limits, Shape

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# Small enough for the processor's cache, large enough that the Python around a chunk does not show.
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about a source that the source cannot say itself.

    Args:
        label: the label column of a table; `None` means `label`.
        shape: height, width and channels of images that come as a row of numbers; `None` derives them, or refuses.
        limits: size limits an image.
        progress: where to say how far it is.
    """

    label: str | None = None
    shape: Shape | None = None
    limits: Limits = field(default_factory=Limits)
    progress: Progress = field(default_factory=Silent)

    def refuse_table_options(self, kind: str) -> None:
        """For sources that are no tables: an option that would be ignored is an error, not a silence.

        Raises:
            UsageError: a label column or a shape was given.
        """
        given = [name for name, value in (("--label", self.label), ("--shape", self.shape)) if value is not None]
        if given:
            raise UsageError(
                f"{' and '.join(given)} for a source of the kind {kind!r}",
                "these options with a CSV file",
                "leave it out",
            )


@dataclass(frozen=True)
class Chunk:
    """Some consecutive images of a source.

    Args:
        images_NHWC: at least one image.
        labels_N: int64, as the source numbers them; not negative.
        origins: where each image stands, in the user's words (`train.csv row 7`, `train/cat/1.png`).
        split: the split that the source itself gives these images; `None` if it gives none.
    """

    images_NHWC: NDArray[np.uint8]
    labels_N: NDArray[np.int64]
    origins: Sequence[str]
    split: Split | None = None


@dataclass(frozen=True)
class Reading:
    """A source that has been opened and whose layout is known.

    Args:
        kind: the source's registry key.
        title: what the images are, honestly («MNIST», «kaggle.csv»).
        shape_HWC: the shape of every image.
        chunks: the images, once through, in the order that rows will have: training images before test images.
        count: how many there are; `None` if only reading tells.
        class_names: the names of labels 0, 1, …; `None` if the source only has numbers.
        facts: where exactly the content came from (files, SHA-256, mirror) and what was ignored, for the manifest;
            complete only when `chunks` has been read to its end.
    """

    kind: str
    title: str
    shape_HWC: Shape
    chunks: Iterator[Chunk]
    count: int | None = None
    class_names: tuple[str, ...] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """One kind of place that labelled images come from."""

    kind: str
    accepts: str

    def matches(self, location: str) -> bool:
        """Whether `location` is this kind of source, judged by its content where it has any. Raises nothing."""

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Opens the source and checks what can be known before reading it all.

        Raises:
            DataError: here or while the chunks are read: the content cannot be used.
        """


def counted(items: Sequence[Any], noun: str) -> str:
    """`1 file`, `3 files`."""
    return f"{len(items):,} {noun}{'' if len(items) == 1 else 's'}"
