"""What a run works with, and whose work it is. Does none of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole import bundle
from pigeonhole.batch.options import BatchOptions
from pigeonhole.batch.result import failures_file, finished, record_file
from pigeonhole.core.errors import ConflictError
from pigeonhole.core.progress import Progress
from pigeonhole.data.unlabelled import ImageSet


@dataclass(frozen=True)
class Work:
    """What a run works with."""

    model: bundle.Bundle
    name: str
    source: str
    images: ImageSet
    options: BatchOptions
    out: Path
    progress: Progress

    @property
    def format(self) -> str:
        """One of `FORMATS`."""
        return self.options.format_of(self.out)

    def predictions(self) -> dict[str, Any]:
        """All that decides what is predicted, in whatever form it is written."""
        chosen = self.options.model_dump(mode="json", include={"invert", "label", "shape", "images"})
        stamp = hashlib.sha256(self.images.stamp.encode("utf-8", "surrogateescape")).hexdigest()
        return {"model": self.model.sha256, "source": self.source, "content": stamp, **chosen}

    def identity(self) -> dict[str, Any]:
        """All that decides what stands in the file."""
        return {**self.predictions(), "format": self.format, "separator": self.options.separator}


def refuse_taken(work: Work) -> None:
    """Refuses to write over what this very job did not make, unless it may replace what another job made.

    Raises:
        ConflictError: something is in the way.
    """
    if work.options.replace and finished(work.out) is not None:
        return
    for path in (work.out, record_file(work.out), failures_file(work.out)):
        if path.exists():
            raise ConflictError(
                f"{path} is there already, and no earlier run of this very job made it as it is",
                "a name that is not taken; the file of the same job, unchanged; or, with replace=true, that of another",
                "choose another --out, remove it (and the files that begin with its name), or add --set replace=true",
            )
