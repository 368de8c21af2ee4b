"""`batch` as a call and as a stage of a recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole.core.errors import ConflictError, SpecError
from pigeonhole.core.workspace import Workspace
from tests.bundle.tiny_onnx import band_images, write_tiny


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a bundle and images without labels."""
    write_tiny(tmp_path / "tiny")
    np.save(tmp_path / "scans.npy", band_images(30)[0])
    return tmp_path


def recipe(place: Path, **options: object) -> dict[str, object]:
    paths = {"model": str(place / "tiny"), "source": str(place / "scans.npy"), "out": str(place / "out.parquet")}
    return {"type": "pipeline", "stages": [{"batch": {**paths, **options}}]}


def test_the_call_needs_no_workspace_for_a_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    result = ph.batch("tiny", "scans.npy", out="out.csv", options={"mini_batch_size": 7})
    assert result.labels == {"top": 10, "middle": 10, "bottom": 10}
    assert not (place / ".pigeonhole").exists()


def test_a_stage_is_done_once(place: Path, space: Workspace) -> None:
    runs = [ph.pipeline(recipe(place, mini_batch_size=10), workspace=space) for _ in range(2)]
    assert [run.stages[0].reused for run in runs] == [False, True]
    assert [run.facts("batch")["predicted"] for run in runs] == [30, 30]
    for path in place.glob("out.parquet*"):
        path.unlink()
    assert not ph.pipeline(recipe(place, mini_batch_size=10), workspace=space).stages[0].reused


def test_a_stage_with_another_model_is_done_anew(place: Path, space: Workspace) -> None:
    ph.pipeline(recipe(place, replace=True), workspace=space)
    (place / "tiny").rename(place / "old")
    write_tiny(place / "tiny", class_names=("a", "b", "c"))
    again = ph.pipeline(recipe(place, replace=True), workspace=space)
    assert not again.stages[0].reused
    assert again.facts("batch")["labels"] == {"a": 10, "b": 10, "c": 10}
    with pytest.raises(ConflictError):
        ph.pipeline(recipe(place, invert=True), workspace=space)


def test_a_wrong_option_of_a_stage_is_found_before_anything_runs(place: Path, space: Workspace) -> None:
    with pytest.raises(SpecError, match="mini_batch_size"):
        ph.pipeline(recipe(place, mini_batch_size=0), workspace=space)
    with pytest.raises(SpecError, match="mini_batch_sise"):
        ph.pipeline(recipe(place, mini_batch_sise=10), workspace=space)
    assert not (place / "out.parquet").exists()
