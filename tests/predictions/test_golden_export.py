"""The export, byte for byte: a change of the form is a decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pigeonhole.core.database import Database
from pigeonhole.predictions import Entry, add_feedback, export_log
from pigeonhole.predictions import log as log_module
from tests.predictions.making import open_log, probs

GOLDEN = Path(__file__).parent / "assets" / "export"


class _Id:
    hex = "0123456789abcdef"


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.jsonl"))}


def test_the_export_is_byte_for_byte_the_kept_one(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr(log_module.uuid, "uuid4", _Id)
    log = open_log(sqlite_url)
    noon = 1_700_049_600.0  # 2023-11-15T12:00:00Z
    # One-coloured images: their figures are exact on every machine.
    pixels = np.repeat(np.array([0, 255, 128], np.uint8), 16).tobytes()
    log.add(Entry(f"{log.source}-1", noon, 1.5, 200, None, 3, pixels, probs([0, 1, 2])))
    log.add(Entry(f"{log.source}-2", noon + 1.25, 0.2, 422, "data_error"))
    log.add(Entry(f"{log.source}-3", noon + 3600, 1.5, 200, None, 1, pixels[:16], probs([1])))
    log.close()
    database = Database(sqlite_url)
    add_feedback(database, "digits", f"{log.source}-1", "c", position=1)
    export_log(database, "digits", tmp_path, images=False)
    database.close()
    assert files(tmp_path) == files(GOLDEN)
