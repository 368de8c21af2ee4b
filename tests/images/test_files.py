"""Image files from disk, several at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from pigeonhole.images import png, prepare_files, read_folder


def write(folder: Path, name: str, shape: tuple[int, int, int], value: int = 7) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(np.full(shape, value, np.uint8)))
    return path


def test_a_folder_is_read_by_name_with_its_subfolders(tmp_path: Path) -> None:
    write(tmp_path, "b/2.png", (4, 5, 1), 2)
    write(tmp_path, "a/1.PNG", (4, 5, 1), 1)
    (tmp_path / "notes.txt").write_text("no image")
    images_NHWC = read_folder(tmp_path, limit=10)
    assert images_NHWC.shape == (2, 4, 5, 1)
    assert images_NHWC[:, 0, 0, 0].tolist() == [1, 2]
    assert len(read_folder(tmp_path, limit=1)) == 1


def test_grey_beside_colour_becomes_colour(tmp_path: Path) -> None:
    write(tmp_path, "1.png", (4, 4, 1), 9)
    write(tmp_path, "2.png", (4, 4, 3), 9)
    assert read_folder(tmp_path, limit=10).shape == (2, 4, 4, 3)


def test_an_empty_folder_and_different_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image files"):
        read_folder(tmp_path, limit=10)
    write(tmp_path, "1.png", (4, 4, 1))
    write(tmp_path, "2.png", (5, 4, 1))
    with pytest.raises(DataError, match="4×4, 5×4"):
        read_folder(tmp_path, limit=10)


def test_all_unreadable_files_are_named_together(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    good = write(tmp_path, "good.png", (8, 8, 1))
    with pytest.raises(DataError) as caught:
        prepare_files([broken, good, tmp_path / "absent.png"], (8, 8, 1))
    assert "broken.png" in str(caught.value)
    assert "absent.png" in str(caught.value)
    assert "good.png" not in str(caught.value)
