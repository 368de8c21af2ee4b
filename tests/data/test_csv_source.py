from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from pigeonhole.data import ReadOptions
from pigeonhole.data.sources import kaggle_csv
from pigeonhole.data.sources.kaggle_csv import KaggleCsvSource

from .making import csv_text, images, labels

PIXELS = images(9)
NUMBERS = labels(9).tolist()


def read(path: Path, **options: object) -> tuple[np.ndarray, list[int], tuple[int, int, int]]:
    reading = KaggleCsvSource().read(str(path), ReadOptions(**options))
    chunks = list(reading.chunks)
    return (
        np.concatenate([chunk.images_NHWC for chunk in chunks]),
        [int(label) for chunk in chunks for label in chunk.labels_N],
        reading.shape_HWC,
    )


@pytest.mark.parametrize("place", [0, 7, 16])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["end", "no end", "blank lines"])
@pytest.mark.parametrize("block", [40, 1 << 18])
def test_one_table_in_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, end: str, last: str, block: int
) -> None:
    monkeypatch.setattr(kaggle_csv, "BLOCK_BYTES", block)
    text = csv_text(PIXELS, NUMBERS, place=place, end=end)
    text = {"end": text, "no end": text.removesuffix(end), "blank lines": text + 3 * end}[last]
    path = tmp_path / "train.csv"
    path.write_bytes(text.encode())
    found, numbers, shape = read(path)
    assert shape == (4, 4, 1)
    assert (found == PIXELS).all()
    assert numbers == NUMBERS


def test_bom_quoted_header_capitals_gzip_and_any_name(tmp_path: Path) -> None:
    header, rest = csv_text(PIXELS, NUMBERS, label="Label").split("\n", 1)
    quoted = ",".join(f'"{name}"' for name in header.split(","))
    path = tmp_path / "digits.data"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + f"{quoted}\n{rest}".encode()))
    assert KaggleCsvSource().matches(str(path))
    found, numbers, _ = read(path)
    assert (found == PIXELS).all()
    assert numbers == NUMBERS


def test_quoted_cells_are_read_too_only_slower(tmp_path: Path) -> None:
    header, *rows = csv_text(PIXELS, NUMBERS).splitlines()
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *(",".join(f'"{cell}"' for cell in row.split(",")) for row in rows)]))
    assert (read(path)[0] == PIXELS).all()


def test_the_label_column_may_have_another_name(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(csv_text(PIXELS, NUMBERS, place=16, label="digit"))
    assert read(path, label="digit")[1] == NUMBERS
    with pytest.raises(DataError, match=r"no column 'label'.*'digit'"):
        read(path)
    with pytest.raises(DataError, match=r"no column 'digits'.*did you mean 'digit'"):
        read(path, label="digits")


def test_rows_are_named_as_a_spreadsheet_names_them(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(csv_text(PIXELS, NUMBERS))
    chunk = next(KaggleCsvSource().read(str(path), ReadOptions()).chunks)
    assert chunk.origins[:2] == ["train.csv row 2", "train.csv row 3"]


@pytest.mark.parametrize(
    ("names", "options", "shape"),
    [
        ([f"pixel{k}" for k in range(9)], {}, (3, 3, 1)),
        ([f"pixel{k}" for k in range(1, 10)], {}, (3, 3, 1)),
        ([f"{r}x{c}" for r in range(1, 3) for c in range(1, 4)], {}, (2, 3, 1)),
        ([str(k) for k in range(4)], {}, (2, 2, 1)),
        ([f"p_{k}" for k in range(12)], {"shape": (2, 2, 3)}, (2, 2, 3)),
        ([f"p_{k}" for k in range(12)], {"shape": (4, 3, 1)}, (4, 3, 1)),
    ],
)
def test_the_shape_follows_from_the_header_or_is_said(tmp_path: Path, names, options, shape) -> None:
    path = tmp_path / "train.csv"
    path.write_text("\n".join([",".join(["label", *names]), *(",".join(["1"] * (len(names) + 1)) for _ in range(2))]))
    assert read(path, **options)[2] == shape


BAD_HEADERS = {
    "no square, maybe colour": (["label", *(f"pixel{k}" for k in range(12))], "three times 2 × 2"),
    "no square": (["label", *(f"pixel{k}" for k in range(11))], "shape is not known"),
    "a stranger": (["label", "id", *(f"pixel{k}" for k in range(4))], "neither the label nor pixels"),
    "out of order": (["label", "pixel1", "pixel0"], "column 'pixel0', expected pixel2"),
    "a gap": (["label", "pixel0", "pixel2"], "column 'pixel2', expected pixel1"),
    "no label": ([f"pixel{k}" for k in range(4)], "no column 'label'"),
    "no header": (["1", "2", "3"], "numbers where the header should be"),
    "twice": (["label", "pixel0", "pixel0"], "more than once"),
    "semicolons": (["label;pixel0;pixel1"], "one column"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_header_that_does_not_settle_everything_is_refused(tmp_path: Path, case: str) -> None:
    names, words = BAD_HEADERS[case]
    path = tmp_path / "train.csv"
    path.write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert "row 1" in caught.value.received
    assert caught.value.accepted
    assert caught.value.remedy


def test_a_wrong_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(csv_text(PIXELS, NUMBERS))
    with pytest.raises(DataError, match="16 pixel columns, and the shape 5 × 3 × 1"):
        read(path, shape=(5, 3, 1))


def spoilt(row: int, column: int, cell: str) -> str:
    lines = [line.split(",") for line in csv_text(PIXELS, NUMBERS).splitlines()]
    lines[row - 1][column - 1] = cell
    return "\n".join(map(",".join, lines)) + "\n"


BAD_CELLS = {
    "label missing": (spoilt(4, 1, ""), "row 4, column 'label' (1): the label is missing"),
    "label negative": (spoilt(4, 1, "-3"), "row 4, column 'label' (1): the label is negative (-3)"),
    "label fractional": (spoilt(4, 1, "2.5"), "row 4, column 'label' (1): the label is no whole number"),
    "label text": (spoilt(4, 1, "seven"), "row 4, column 'label' (1): the label is the text 'seven'"),
    "pixel empty": (spoilt(10, 17, ""), "row 10, column 'pixel15' (17): the cell is empty"),
    "pixel over 255": (spoilt(2, 2, "256"), "row 2, column 'pixel0' (2): the pixel is over 255 (256)"),
    "pixel negative": (spoilt(2, 2, "-1"), "row 2, column 'pixel0' (2): the pixel is negative (-1)"),
    "pixel text": (spoilt(5, 9, "1O"), "row 5, column 'pixel7' (9): the pixel is the text '1O'"),
    "ragged, short": (spoilt(6, 17, "1").replace(",1\n", "\n", 1), "16 cells where the header has 17 columns"),
    "ragged, long": (spoilt(6, 17, "1,2"), "row 6, 18 cells where the header has 17 columns"),
    "blank row inside": (
        csv_text(PIXELS, NUMBERS).replace("\n", "\n\n", 2).replace("\n\n", "\n", 1),
        "row 3, an empty row",
    ),
}


@pytest.mark.parametrize("case", BAD_CELLS)
@pytest.mark.parametrize("block", [64, 1 << 18])
def test_a_bad_cell_is_named_with_row_and_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, block: int
) -> None:
    monkeypatch.setattr(kaggle_csv, "BLOCK_BYTES", block)
    text, words = BAD_CELLS[case]
    path = tmp_path / "train.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 3
    assert caught.value.remedy


def test_all_problems_are_told_at_once_ten_of_them_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kaggle_csv, "BLOCK_BYTES", 200)
    header, *rows = csv_text(images(25), labels(25).tolist()).splitlines()
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *(row.rsplit(",", 1)[0] + ",999" for row in rows)]))
    with pytest.raises(DataError) as caught:
        read(path)
    assert "25 problems" in str(caught.value)
    assert "row 2, column 'pixel15'" in str(caught.value)
    assert "… and 15 more" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (csv_text(PIXELS, NUMBERS).split("\n")[0].encode(), "a header and no rows"),
        (csv_text(PIXELS, NUMBERS).split("\n")[0].encode() + b"\n\n", "a header and no rows"),
        (b"label,pixel0\xff\n1,2\n", "the header cannot be read"),
        (gzip.compress(csv_text(PIXELS, NUMBERS).encode())[:-20], "gzip stream is truncated"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(path)
