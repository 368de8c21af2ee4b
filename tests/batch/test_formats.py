"""Each form in which predictions are written, read back by somebody else's reader."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pigeonhole import bundle
from pigeonhole.batch import BatchOptions, run
from pigeonhole.core.errors import DataError, SpecError, UsageError
from pigeonhole.core.spec import validate
from tests.bundle.tiny_onnx import CLASS_NAMES, expected_probs, write_tiny

LABELS = [CLASS_NAMES[row % 3] for row in range(40)]


@pytest.fixture
def pictures(tmp_path: Path, bands: np.ndarray) -> Path:
    """Three images as files, the second damaged, with a name that a CSV file has to quote."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(bands[0, :, :, 0]).save(folder / "1.png")
    (folder / '2, the "second".png').write_bytes(b"no image")
    Image.fromarray(bands[2, :, :, 0]).save(folder / "10.png")
    return folder


def test_parquet_has_a_row_an_image_with_all_probabilities(tiny: Path, npy: Path, bands: np.ndarray) -> None:
    out = npy.with_name("out.parquet")
    result = run(tiny, str(npy), out, BatchOptions(mini_batch_size=7))
    table = pq.read_table(out)
    assert table.column_names == [
        "row",
        "image",
        "label",
        "probability",
        "probability_top",
        "probability_middle",
        "probability_bottom",
        "error",
    ]
    probs_NK = np.column_stack([table[f"probability_{name}"].to_numpy() for name in CLASS_NAMES])
    np.testing.assert_allclose(probs_NK, expected_probs(bands), atol=1e-5)
    np.testing.assert_array_equal(table["probability"].to_numpy(), probs_NK.max(axis=1))
    assert table["label"].to_pylist() == LABELS
    assert table["row"].to_pylist() == list(range(40))
    assert table["image"].to_pylist() == [f"bands.npy row {row}" for row in range(40)]
    assert table["error"].null_count == 40
    assert (result.images, result.predicted, result.failed) == (40, 40, 0)
    assert result.labels == {"top": 14, "middle": 13, "bottom": 13}


def test_a_failed_image_is_null_in_parquet_and_says_why(tiny: Path, pictures: Path) -> None:
    out = pictures.with_name("out.parquet")
    result = run(tiny, str(pictures), out)
    rows = pq.read_table(out).to_pylist()
    assert [row["image"] for row in rows] == ["1.png", '2, the "second".png', "10.png"]
    assert [row["label"] for row in rows] == ["top", None, "bottom"]
    assert rows[1]["probability"] is None
    assert rows[1]["probability_top"] is None
    assert "neither PNG nor JPEG" in rows[1]["error"]
    assert rows[0]["error"] is None
    assert result.failures[0]["image"] == '2, the "second".png'


def test_csv_has_the_same_columns_and_a_header(tiny: Path, pictures: Path) -> None:
    out = pictures.with_name("out.csv")
    run(tiny, str(pictures), out)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["top", "", "bottom"]
    assert rows[1]["image"] == '2, the "second".png'
    assert rows[1]["probability_top"] == ""
    assert "neither PNG" in rows[1]["error"]
    assert float(rows[0]["probability"]) == pytest.approx(float(rows[0]["probability_top"]))
    assert float(rows[0]["probability"]) > 0.9


@pytest.mark.parametrize("separator", [",", " "])
def test_append_row_is_read_as_the_tutorials_read_it(tiny: Path, pictures: Path, separator: str) -> None:
    out = pictures.with_name("predictions.csv")
    result = run(tiny, str(pictures), out, BatchOptions(format="append_row", separator=separator))
    frame = pd.read_csv(out, sep=separator, header=None, names=["row", "prediction", "file"])
    assert frame.to_numpy().tolist() == [[0, "top", "1.png"], [2, "bottom", "10.png"]]
    assert result.failed == 1
    with Path(str(result.failures_file)).open(newline="", encoding="utf-8") as file:
        failed = list(csv.DictReader(file))
    assert [(row["row"], row["image"]) for row in failed] == [("1", '2, the "second".png')]


def test_kaggle_counts_from_one(tiny: Path, npy: Path) -> None:
    out = npy.with_name("submission.csv")
    run(tiny, str(npy), out, BatchOptions(format="kaggle"))
    lines = out.read_text().splitlines()
    assert lines[:3] == ["ImageId,Label", "1,top", "2,middle"]
    assert len(lines) == 41


def test_kaggle_refuses_to_leave_an_image_out(tiny: Path, pictures: Path) -> None:
    out = pictures.with_name("submission.csv")
    with pytest.raises(DataError, match=r"(?s)2, the .second.\.png.*every image"):
        run(tiny, str(pictures), out, BatchOptions(format="kaggle"))
    assert not out.exists()
    # What was predicted is not lost: another form takes it up.
    assert run(tiny, str(pictures), out, BatchOptions(format="csv")).resumed_at == 3


def test_a_class_name_with_a_comma_keeps_its_columns_apart(tmp_path: Path, npy: Path) -> None:
    folder = write_tiny(tmp_path / "odd", class_names=("a,b", 'c"d', "e f")).folder
    assert bundle.load(folder).class_names[0] == "a,b"
    for kind, separator in (("csv", ","), ("append_row", " "), ("kaggle", ",")):
        out = tmp_path / f"{kind}.csv"
        run(folder, str(npy), out, BatchOptions(format=kind, separator=separator))
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, delimiter=separator))
        first = rows[0] if kind == "append_row" else rows[1]
        assert "a,b" in first
        assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"format": "csv", "separator": " "}, "append_row"),
        ({"format": "kaggle", "error_threshold": 3}, "every image"),
        ({"mini_batch_sise": 3}, "mini_batch_size"),
        ({"shape": "28"}, "28x28"),
        ({"error_threshold": -2}, "error_threshold"),
        ({"format": "excel"}, "kaggle"),
    ],
)
def test_wrong_options_are_explained(options: dict[str, object], named: str) -> None:
    with pytest.raises(SpecError, match=named):
        validate(BatchOptions, options, "the options")


def test_a_file_whose_name_tells_no_format_is_refused(tiny: Path, npy: Path) -> None:
    with pytest.raises(UsageError, match="--format"):
        run(tiny, str(npy), npy.with_name("out.txt"))
