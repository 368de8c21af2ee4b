"""What `ingest` reads, for predicting: the same images in the same order, the labels left alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pigeonhole.core.files import tree_stamp
from pigeonhole.data.reading import ReadOptions
from pigeonhole.data.sources import find
from pigeonhole.data.sources.idx import files_in, is_idx
from pigeonhole.data.unlabelled.image_set import ImageOptions, ImageSet, Pixels, Portion, file_stamp


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

    stamp = _stamp(location) or f"{reading.kind}\0{reading.title}\0{reading.facts.get('package')}"
    return ImageSet(reading.kind, reading.title, stamp, read, reading.count)


def _stamp(location: str) -> str | None:
    """What tells whether the files have changed; `None` for a named set."""
    path = Path(location).expanduser()
    if not path.exists():
        return None
    folder = path if path.is_dir() else path.parent
    # Of a folder of IDX files only these: the predictions may be written beside them.
    pairs = [file for file in files_in(folder) if is_idx(file)] if path.is_dir() or is_idx(path) else []
    return "\n".join(map(file_stamp, pairs)) if pairs else tree_stamp(path)
