"""The guides in CONTRIBUTING.md work when they are copied and pasted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.data.reading import ReadOptions
from pigeonhole.testing import presets

GUIDES = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(kind: str, containing: str) -> str:
    found = re.findall(rf"```{kind}\n(.*?)```", GUIDES, re.DOTALL)
    return next(text for text in found if containing in text)


def test_the_source_of_the_guide_reads(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("python", "class NpzSource"), "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    source = names["NpzSource"]()
    file = tmp_path / "some.npz"
    np.savez(file, images=np.zeros((4, 2, 2, 1), np.uint8), labels=np.array([0, 1, 0, 1]))
    assert source.matches(str(file))
    assert not source.matches(str(tmp_path))
    reading = source.read(str(file), ReadOptions())
    (chunk,) = reading.chunks
    assert reading.shape_HWC == (2, 2, 1)
    assert chunk.labels_N.tolist() == [0, 1, 0, 1]


def test_the_preset_of_the_guide_keeps_the_contract(tmp_path: Path) -> None:
    file = tmp_path / "one-layer.yml"
    file.write_text(block("yaml", "summary: One hidden layer."), encoding="utf-8")
    for check in presets.CHECKS:
        check(str(file), tmp_path / check.__name__)
