"""One IDX file of images, without its labels. A pair, or a folder of pairs, is read as `ingest` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pigeonhole.core.errors import DataError
from pigeonhole.data.idx_format import IdxFile, idx_file
from pigeonhole.data.plain import opened
from pigeonhole.data.sources.idx import files_in, is_idx, without_twins
from pigeonhole.data.unlabelled.array import Layout, forwards, in_place
from pigeonhole.data.unlabelled.image_set import ImageOptions, ImageSet, Portion, file_stamp

_HEADER_BYTES = 16
_GZIP_MAGIC = b"\x1f\x8b"


class IdxImages:
    """A file of images, gzipped or not; or a folder in which it is the only IDX file."""

    kind = "idx"
    accepts = "an IDX file of images (.gz or not), or a folder of IDX files"

    def matches(self, path: Path) -> bool:
        """True for an IDX file that has images, and for a folder whose only IDX file it is."""
        if path.is_dir():
            found = [file for file in files_in(path) if is_idx(file)]
            return bool(found) and len(_images(found)) == 1 and len(without_twins(_readable(found))) == 1
        return path.is_file() and is_idx(path) and len(_images([path])) == 1

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Reads the header. See `Kind.open`."""
        options.refuse(self.kind, "label", "shape", "images")
        files = [file for file in files_in(path) if is_idx(file)] if path.is_dir() else [path]
        file = _images(files)[0]
        count, height, width = file.dimensions
        layout = Layout(count, (height, width, 1), _HEADER_BYTES)
        with file.path.open("rb") as raw:
            gzipped = raw.read(2) == _GZIP_MAGIC
        return _gzipped(file.path, layout) if gzipped else in_place(file.path, layout, self.kind, "image")


def _gzipped(path: Path, layout: Layout) -> ImageSet:
    def read(first: int, size: int) -> Iterator[Portion]:
        with opened(path) as file:
            yield from forwards(file, layout, f"{path.name} image", first, size)

    return ImageSet(IdxImages.kind, path.name, file_stamp(path), read, layout.count)


def _images(paths: list[Path]) -> list[IdxFile]:
    return [file for file in without_twins(_readable(paths)) if file.is_images]


def _readable(paths: list[Path]) -> list[IdxFile]:
    """Those whose headers are right; what is wrong with the others, the labelled source says when it is asked."""
    found = []
    for path in paths:
        try:
            found.append(idx_file(path))
        except DataError:
            continue
    return found
