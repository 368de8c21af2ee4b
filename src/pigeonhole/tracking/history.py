"""A run's epochs: one JSON object a line, appended. Survives a SIGKILL in the middle of a line."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.core.files import disk_full_is_data_error

Epoch = dict[str, Any]


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds one epoch. A line that a killed writer left half-written is cut off first.

    Args:
        path: the history file; made if absent.
        record: has `epoch`, from 1; a value that JSON cannot hold (NaN, infinity) is stored as null.

    Raises:
        DataError: the disk is full.
    """
    line = json.dumps(_finite(record), ensure_ascii=False, allow_nan=False) + "\n"
    with disk_full_is_data_error(path), path.open("a+b") as file:
        _cut_torn_line(file)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Epoch]:
    """The epochs in order, each once.

    Where a continued training wrote an epoch again, the later line counts, and what stood after it is dropped.
    """
    if not path.is_file():
        return []
    epochs: list[Epoch] = []
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last newline is torn, or nothing
        record = json.loads(line)
        while epochs and epochs[-1]["epoch"] >= record["epoch"]:
            epochs.pop()
        epochs.append(record)
    return epochs


def _cut_torn_line(file: Any) -> None:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
