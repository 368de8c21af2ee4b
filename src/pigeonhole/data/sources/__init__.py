"""One file a source. A new source is a class with `kind`, `accepts`, `matches` and `read`, and its line here."""

from __future__ import annotations

from pathlib import Path

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import DataError, NotFoundError
from pigeonhole.data.plain import sniff
from pigeonhole.data.reading import Source
from pigeonhole.data.sources.idx import IdxSource
from pigeonhole.data.sources.image_folder import ImageFolderSource
from pigeonhole.data.sources.kaggle_csv import KaggleCsvSource
from pigeonhole.data.sources.mnist import MnistSource
from pigeonhole.data.sources.mnist_sample import MnistSampleSource

# The first that matches reads: names before files, and magic numbers before text.
SOURCES: tuple[Source, ...] = (
    MnistSource(),
    MnistSampleSource(),
    IdxSource(),
    ImageFolderSource(),
    KaggleCsvSource(),
)


def find(location: str) -> Source:
    """The source that reads `location`.

    Args:
        location: a named set, or a path.

    Raises:
        NotFoundError: it is neither a named set nor an existing path.
        DataError: it exists, and no source reads it.
    """
    path = Path(location).expanduser()
    for source in SOURCES:
        if location.strip() and source.matches(location):
            return source
    if not location.strip() or not path.exists():
        named = [source.kind for source in SOURCES if source.matches(source.kind)]
        raise NotFoundError(
            f"{location!r} is neither a named set nor an existing path{suggestion(location, named)}",
            "; ".join(source.accepts for source in SOURCES),
            "check the spelling, or give the path",
        )
    raise DataError(
        f"{location}: no source reads this ({_describe(path)})",
        "; ".join(source.accepts for source in SOURCES),
        "give one of these",
    )


def _describe(path: Path) -> str:
    if path.is_dir():
        return "an empty folder" if not any(path.iterdir()) else "a folder without IDX files or class folders"
    head = sniff(path, 8)
    return f"its first bytes are {head.hex(' ')}" if head else "an empty or unreadable file"
