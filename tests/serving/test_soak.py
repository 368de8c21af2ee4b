"""A little of `make soak`: right answers and faults at the same time, a thousand connections among them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    monkeypatch.delitem(sys.modules, "soak", raising=False)
    import soak

    return soak


def test_faults_take_no_answer_from_others(soak, tiny, tmp_path):
    found = soak.soak(tiny.folder, tmp_path, requests=400)
    assert found.wrong == []
    assert found.right >= 400
    assert set(found.faults.values()) >= {1}
    assert len(found.faults) == len(soak.FAULTS)
    assert found.end_files <= found.start_files + soak.FILES_MORE
    assert "| wrong | 0 |" in soak.table(found)
