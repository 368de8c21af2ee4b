"""Images for predicting, from any place, labels or not. One file a kind; a new one is a class and its line here.

What no kind here reads but `ingest` does is read as `ingest` reads it, and its labels are left alone.
"""

from __future__ import annotations

from pathlib import Path

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import DataError, NotFoundError
from pigeonhole.data.sources import SOURCES
from pigeonhole.data.unlabelled.array import NpyFile
from pigeonhole.data.unlabelled.idx import IdxImages
from pigeonhole.data.unlabelled.image_files import FolderOfImages, SingleImage
from pigeonhole.data.unlabelled.image_set import Encoded, ImageOptions, ImageSet, Kind, Pixels, Portion
from pigeonhole.data.unlabelled.labelled import open_labelled
from pigeonhole.data.unlabelled.npz import NpzFile
from pigeonhole.data.unlabelled.parquet import ParquetFile
from pigeonhole.data.unlabelled.table import CsvFile
from pigeonhole.data.unlabelled.zipped import ZipOfImages

__all__ = ["Encoded", "ImageOptions", "ImageSet", "Pixels", "Portion", "open_images"]

# The first that matches reads: magic numbers before folders, and text last.
KINDS: tuple[Kind, ...] = (
    NpyFile(),
    NpzFile(),
    ZipOfImages(),
    ParquetFile(),
    SingleImage(),
    IdxImages(),
    FolderOfImages(),
    CsvFile(),
)


def open_images(location: str, options: ImageOptions | None = None) -> ImageSet:
    """The images at `location`, ready to be read from any row on.

    Args:
        location: a named set, or a path.
        options: what the source cannot say itself.

    Raises:
        NotFoundError: it is neither a named set nor an existing path.
        DataError: it exists, and its images cannot be used.
    """
    options = options or ImageOptions()
    path = Path(location).expanduser()
    named = [source.kind for source in SOURCES if source.matches(source.kind)]
    if location in named:
        return open_labelled(location, options)
    if not location.strip() or not path.exists():
        raise NotFoundError(
            f"{location!r} is neither a named set nor an existing path{suggestion(location, named)}",
            _accepted(named),
            "check the spelling, or give the path",
        )
    kind = next((kind for kind in KINDS if kind.matches(path)), None)
    if kind is not None:
        return kind.open(path, options)
    if any(source.matches(location) for source in SOURCES):
        return open_labelled(location, options)
    raise DataError(f"{location}: no images that can be read", _accepted(named), "give one of these")


def _accepted(named: list[str]) -> str:
    return "; ".join([*named, *(kind.accepts for kind in KINDS)])
