from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from pigeonhole.core.progress import Silent
from pigeonhole.data import Chunk, Reading, ReadOptions
from pigeonhole.data.sources.image_folder import ImageFolderSource
from pigeonhole.images import Limits, png

from .making import images, write_folder


def read(root: Path, **options: object) -> tuple[Reading, list[Chunk]]:
    assert ImageFolderSource().matches(str(root))
    reading = ImageFolderSource().read(str(root), ReadOptions(**options))
    return reading, list(reading.chunks)


def put(path: Path, image: np.ndarray | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image if isinstance(image, bytes) else png(image))
    return path


def test_class_folders_in_the_order_a_person_counts(tmp_path: Path) -> None:
    write_folder(tmp_path, ["10", "2", "1"], n=24)
    reading, [chunk] = read(tmp_path)
    assert reading.class_names == ("1", "2", "10")
    assert reading.shape_HWC == (5, 6, 3)
    assert reading.count == 24
    assert chunk.split is None
    assert chunk.origins[:3] == ["1/2.png", "1/5.png", "1/8.png"]
    assert (chunk.images_NHWC[0] == images(24, (5, 6, 3))[2]).all()


@pytest.mark.parametrize("name", ["validation", "val"])
def test_split_folders_are_the_sources_own_splits(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path / "test", n=4)
    write_folder(tmp_path / "train", n=8)
    write_folder(tmp_path / name, n=2)
    reading, chunks = read(tmp_path)
    assert reading.class_names == ("cat", "dog")
    assert [(chunk.split, len(chunk.labels_N)) for chunk in chunks] == [("train", 8), ("validation", 2), ("test", 4)]


def test_classes_that_are_called_train_and_test_are_classes(tmp_path: Path) -> None:
    write_folder(tmp_path, ["train", "test", "bus"])
    assert read(tmp_path)[0].class_names == ("bus", "test", "train")


def test_grey_and_colour_mixed_is_colour_and_counted(tmp_path: Path) -> None:
    write_folder(tmp_path, n=4)
    grey = images(1, (5, 6, 1), seed=9)[0]
    put(tmp_path / "cat" / "grey.png", grey)
    reading, [chunk] = read(tmp_path)
    assert reading.shape_HWC == (5, 6, 3)
    assert reading.facts["grey_images_made_colour"] == 1
    row = list(chunk.origins).index("cat/grey.png")
    assert (chunk.images_NHWC[row] == grey).all()


def test_all_grey_is_grey(tmp_path: Path) -> None:
    write_folder(tmp_path, shape=(5, 6, 1))
    reading, _ = read(tmp_path)
    assert reading.shape_HWC == (5, 6, 1)
    assert reading.facts["grey_images_made_colour"] == 0


def test_what_is_no_image_is_counted_and_reported(tmp_path: Path) -> None:
    class Notes(Silent):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def note(self, text: str) -> None:
            self.lines.append(text)

    write_folder(tmp_path, n=4)
    put(tmp_path / ".DS_Store", b"x")
    put(tmp_path / "cat" / ".DS_Store", b"x")
    put(tmp_path / "cat" / "Thumbs.db", b"x")
    put(tmp_path / "README.txt", b"x")
    put(tmp_path / "dog" / "labels.json", b"{}")
    notes = Notes()
    ignored = read(tmp_path, progress=notes)[0].facts["ignored"]
    assert ignored == {"system_files": 3, "other_files": 2, "other_file_names": ["README.txt", "dog/labels.json"]}
    assert "README.txt" in notes.lines[0]
    assert "2 files that are no images" in notes.lines[0]


def test_sizes_that_differ_are_all_named(tmp_path: Path) -> None:
    write_folder(tmp_path, n=30)
    for number in range(13):
        put(tmp_path / "dog" / f"odd{number}.png", images(1, (5, 7, 3))[0])
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert "13 images cannot be used" in str(caught.value)
    assert "dog/odd0.png: 7 × 5 pixels, most are 6 × 5" in str(caught.value)
    assert "… and 3 more" in str(caught.value)


def test_undecodable_images_are_all_named(tmp_path: Path) -> None:
    write_folder(tmp_path, n=6)
    put(tmp_path / "cat" / "empty.png", b"")
    put(tmp_path / "cat" / "text.jpg", b"no image at all")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert "2 images cannot be used" in str(caught.value)
    assert "cat/empty.png cannot be decoded: it is empty" in str(caught.value)
    assert "cat/text.jpg cannot be decoded: it is neither PNG nor JPEG" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_header_that_promises_more_than_the_file_has_is_caught_while_reading(tmp_path: Path) -> None:
    write_folder(tmp_path, n=6, shape=(40, 40, 3))
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    put(tmp_path / "cat" / "0.png", whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"1 image cannot be used[\s\S]*cat/0\.png cannot be decoded"):
        read(tmp_path)


def test_limits_hold(tmp_path: Path) -> None:
    write_folder(tmp_path, n=4)
    with pytest.raises(DataError, match="6 × 5 pixels"):
        read(tmp_path, limits=Limits(max_pixels=20))
    with pytest.raises(DataError, match="bytes"):
        read(tmp_path, limits=Limits(max_bytes=20))


LAYOUTS = {
    "an empty class": (lambda root: (root / "fish").mkdir(), "fish/: a class folder without images"),
    "an image outside": (lambda root: put(root / "lost.png", images(1)[0]), "lost.png: an image outside the class"),
    "a folder too deep": (lambda root: put(root / "cat" / "more" / "x.png", images(1)[0]), "cat/more/: a folder"),
    "another format": (lambda root: put(root / "cat" / "x.gif", b"GIF89a"), "cat/x.gif: an image that is neither"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_layout_that_would_lose_images_is_refused(tmp_path: Path, case: str) -> None:
    write_folder(tmp_path, n=4)
    spoil, words = LAYOUTS[case]
    spoil(tmp_path)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_a_test_class_that_nobody_trained_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", ["cat", "dog"])
    write_folder(tmp_path / "test", ["cat", "fish"])
    with pytest.raises(DataError, match="class 'fish' has no training images"):
        read(tmp_path)


def test_many_chunks_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pigeonhole.data.sources.image_folder.CHUNK_BYTES", 200)
    write_folder(tmp_path, n=12)
    _, chunks = read(tmp_path)
    assert [len(chunk.labels_N) for chunk in chunks] == [2] * 6
    assert [int(label) for chunk in chunks for label in chunk.labels_N] == [0] * 6 + [1] * 6


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    import os

    write_folder(tmp_path, n=4)
    try:
        put(Path(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/\xff.png")), images(1, (5, 6, 3))[0])
    except OSError:
        pytest.skip("this file system only takes UTF-8 names")
    assert "cat/\ufffd.png" in read(tmp_path)[1][0].origins
