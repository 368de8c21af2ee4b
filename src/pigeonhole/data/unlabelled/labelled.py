"""What `ingest` reads, for predicting: the same images in the same order, the labels left alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pigeonhole.core.files import tree_stamp
from pigeonhole.data.reading import ReadOptions
from pigeonhole.data.sources import find
from pigeonhole.data.unlabelled.image_set import ImageOptions, ImageSet, Pixels, Portion


def open_labelled(location: str, options: ImageOptions) -> ImageSet:
    """The images of a source of labelled images.

    Raises:
        DataError: its content cannot be used.
    """
    options.refuse(location, "images")
    read_options = ReadOptions(label=options.label, shape=options.shape, limits=options.limits)
    source = find(location)
    reading = source.read(location, read_options)

    def read(first: int, size: int) -> Iterator[Portion]:
        row = 0
        for chunk in source.read(location, read_options).chunks:
            for start in range(0, len(chunk.origins), size):
                part = slice(start, start + size)
                names = chunk.origins[part]
                if row >= first:
                    yield Portion(row, names, partial(Pixels, chunk.images_NHWC[part]))
                row += len(names)

    path = Path(location).expanduser()
    stamp = tree_stamp(path) if path.exists() else f"{reading.kind}\0{reading.title}\0{reading.facts.get('package')}"
    return ImageSet(reading.kind, reading.title, stamp, read, reading.count)
