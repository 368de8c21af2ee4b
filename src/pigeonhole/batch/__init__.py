"""A bundle over a whole place of images → one file of predictions. A kill at any moment costs what was under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.batch.options import FORMATS, BatchOptions
    from pigeonhole.batch.result import BatchResult, finished
    from pigeonhole.batch.running import run

_HOMES = {
    "FORMATS": "options",
    "BatchOptions": "options",
    "BatchResult": "result",
    "finished": "result",
    "run": "running",
}
__all__ = ["FORMATS", "BatchOptions", "BatchResult", "finished", "run"]

__getattr__ = lazy(__name__, _HOMES)
