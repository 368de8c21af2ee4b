"""`pigeonhole batch` as users meet it: what stands on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pigeonhole.cli.main import run
from pigeonhole.images import png
from tests.bundle.tiny_onnx import band_images, write_tiny


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a bundle and six pictures, two of them damaged."""
    write_tiny(tmp_path / "tiny")
    (tmp_path / "pictures").mkdir()
    for row, image in enumerate(band_images(6)[0]):
        (tmp_path / "pictures" / f"{row}.png").write_bytes(png(image)[: 30 if row in {1, 4} else None])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_result_is_on_stdout_and_every_failure_named_on_stderr(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", "tiny", "pictures", "--out", "out.parquet"]) == 0
    said = capsys.readouterr()
    assert "4" in said.out
    assert "2, all named in" in said.out
    assert "2 images failed\n  1.png: cannot be decoded" in said.err
    assert "\n  4.png: " in said.err
    assert not (place / ".pigeonhole").exists()
    assert run(["batch", "tiny", "pictures", "--out", "out.parquet"]) == 0
    assert "the same job is already done" in capsys.readouterr().out


def test_json_has_the_counts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "tiny", "pictures", "--out", "out.csv", "--format", "append_row", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["images"], facts["predicted"], facts["failed"]) == (6, 4, 2)
    assert [item["image"] for item in facts["failures"]] == ["1.png", "4.png"]
    assert (place / "out.csv").read_text() == "0,top,0.png\n2,bottom,2.png\n3,top,3.png\n5,bottom,5.png\n"


def test_too_many_failures_leave_with_the_code_of_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "tiny", "pictures", "--out", "out.csv", "--error-threshold", "1"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "--error-threshold" in said.err
    assert run(["batch", "tiny", "pictures", "--out", "out.csv", "--error-threshold", "2"]) == 0
    assert "going on after the 6 images" in capsys.readouterr().err
    assert run(["batch", "tiny", "pictures", "--out", "out.csv", "--invert"]) == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--format", "append_row", "--set", "separator=;"], "separator"),
        (["--set", "shape=6"], "28x28"),
        (["--format", "excel"], "kaggle"),
        (["--set", "images=x"], "npz and Parquet"),
    ],
)
def test_wrong_words_are_explained(
    words: list[str], named: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", "tiny", "pictures", "--out", "out.csv", *words]) == 2
    assert named in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["pictures", "tiny"]
