"""What leaves a dataset: differences, exports, request bodies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import ConflictError, DataError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import Dataset, diff, export, ingest, request_body

from .making import csv_text, images, labels, write_csv, write_folder


@pytest.fixture
def digits(workspace: Workspace, tmp_path: Path) -> Dataset:
    return ingest(workspace, str(write_csv(tmp_path / "train.csv", 60)), name="digits").dataset


@pytest.fixture
def pets(workspace: Workspace, tmp_path: Path) -> Dataset:
    return ingest(workspace, str(write_folder(tmp_path / "pets", n=40)), name="pets").dataset


def test_a_diff_counts_what_became_of_every_image(workspace: Workspace, tmp_path: Path, digits: Dataset) -> None:
    pixels, numbers = images(60), labels(60).tolist()
    changed = np.concatenate([pixels[5:], images(3, seed=8), pixels[10:11]])
    path = tmp_path / "new.csv"
    path.write_text(csv_text(changed, [(numbers[5] + 1) % 3, *numbers[6:], 0, 1, 2, numbers[10]]))
    new = ingest(workspace, str(path), name="digits").dataset
    found = diff(digits, new)
    assert (found.same, found.removed, found.added, found.relabelled) == (55, 5, 4, 1)
    assert not found.identical
    assert json.dumps(found.to_dict())
    back = diff(new, digits)
    assert (back.same, back.removed, back.added) == (55, 4, 5)


def test_a_diff_of_splits_and_classes(workspace: Workspace, tmp_path: Path, digits: Dataset) -> None:
    other = ingest(workspace, str(tmp_path / "train.csv"), name="other", test=0, classes=["zero", "one", "two"]).dataset
    found = diff(digits, other)
    assert (found.same, found.added, found.removed, found.relabelled) == (60, 0, 0, 60)
    assert found.moved >= 6
    assert found.classes_added == ["zero", "one", "two"]
    assert diff(digits, digits).identical


def test_npz_has_everything_and_loads_without_pickle(tmp_path: Path, digits: Dataset) -> None:
    path = export(digits, tmp_path / "digits.npz", "npz")
    with np.load(path, allow_pickle=False) as file:
        assert (file["images"] == digits.images_NHWC).all()
        assert (file["labels"] == digits.labels_N).all()
        assert (file["split"] == digits.split_N).all()
        assert file["class_names"].tolist() == ["0", "1", "2"]


def test_parquet_has_a_row_an_image(tmp_path: Path, pets: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("pigeonhole.data.exporting.BATCH_BYTES", 1000)
    file = parquet.ParquetFile(export(pets, tmp_path / "pets.parquet", "parquet", "train"))
    table = file.read()
    assert table.column_names == ["id", "label", "class", "split", "group", "source", "sha256", "image"]
    assert table.column("id").to_pylist() == pets.train.rows.tolist()
    assert table.column("image").to_pylist() == pets.train.images_NHWC.reshape(len(pets.train), -1).tolist()
    assert set(zip(table.column("label").to_pylist(), table.column("class").to_pylist(), strict=True)) == {
        (0, "cat"),
        (1, "dog"),
    }
    assert file.schema_arrow.metadata[b"shape"] == b"5,6,3"


def test_csv_is_kaggles_form_and_comes_back_the_same(workspace: Workspace, tmp_path: Path, digits: Dataset) -> None:
    path = export(digits, tmp_path / "digits.csv", "csv")
    assert path.read_bytes() == (tmp_path / "train.csv").read_bytes()
    assert ingest(workspace, str(path), name="digits").reused
    test = export(digits, tmp_path / "test.csv", "csv", "test")
    assert len(test.read_text().splitlines()) == 1 + len(digits.rows("test"))


def test_csv_of_colour_comes_back_with_its_shape(workspace: Workspace, tmp_path: Path, pets: Dataset) -> None:
    path = export(pets, tmp_path / "pets.csv", "csv")
    back = ingest(workspace, str(path), name="back", classes=["cat", "dog"], shape=(5, 6, 3)).dataset
    assert (back.images_NHWC == pets.images_NHWC).all()


def test_a_folder_comes_back_with_its_splits(workspace: Workspace, tmp_path: Path, pets: Dataset) -> None:
    root = export(pets, tmp_path / "out", "folder")
    assert sorted(path.name for path in root.iterdir()) == ["test", "train", "validation"]
    back = ingest(workspace, str(root), name="back").dataset
    found = diff(pets, back)
    assert (found.same, found.added, found.removed, found.relabelled, found.moved) == (40, 0, 0, 0, 0)
    only = export(pets, tmp_path / "test", "folder", "test")
    assert sorted(path.name for path in only.iterdir()) == ["cat", "dog"]


@pytest.mark.parametrize("kind", ["npz", "parquet", "csv", "folder"])
def test_nothing_is_written_over(tmp_path: Path, digits: Dataset, kind: str) -> None:
    target = tmp_path / "taken"
    target.write_text("mine")
    with pytest.raises(ConflictError):
        export(digits, target, kind)
    assert target.read_text() == "mine"


def test_a_failed_export_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv")
    dataset = ingest(workspace, str(path), name="d", classes=["a/b", "c", "d"]).dataset
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="'a/b' as a folder"):
        export(dataset, tmp_path / "out", "folder")
    with pytest.raises(UsageError, match="File exists"):
        export(dataset, path / "below-a-file", "csv")
    with pytest.raises(UsageError, match="'jpg'"):
        export(dataset, tmp_path / "out", "jpg")
    with pytest.raises(UsageError, match="'all'"):
        export(dataset, tmp_path / "out", "csv", "all")
    assert sorted(tmp_path.iterdir()) == before


def test_a_request_body_holds_the_pixels_in_both_scales() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    whole = json.loads(request_body(pixels))
    assert whole == {"data": [list(range(256))]}
    decimals = json.loads(request_body(pixels, scale="0-1"))
    assert [round(value * 255) for value in decimals["data"][0]] == list(range(256))
    assert "0.0," in request_body(pixels, scale="0-1")
    assert all(isinstance(value, float) for value in decimals["data"][0])


def test_a_body_that_does_not_show_its_scale_says_it() -> None:
    assert json.loads(request_body(np.zeros((2, 2, 2, 1), np.uint8))) == {"data": [[0] * 4] * 2, "scale": "0-255"}
    with pytest.raises(UsageError, match="'percent'"):
        request_body(np.zeros((1, 2, 2, 1), np.uint8), scale="percent")
