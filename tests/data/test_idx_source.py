from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from pigeonhole.data import Chunk, ReadOptions
from pigeonhole.data.sources.idx import IdxSource

from .making import idx, images, labels, write_pair


def read(location: Path) -> list[Chunk]:
    assert IdxSource().matches(str(location))
    return list(IdxSource().read(str(location), ReadOptions()).chunks)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("given", ["folder", "images", "labels"])
def test_a_pair_given_as_folder_or_as_one_of_its_files(tmp_path: Path, zipped: bool, given: str) -> None:
    pair = write_pair(tmp_path, 7, zipped=zipped)
    [chunk] = read({"folder": tmp_path, "images": pair[0], "labels": pair[1]}[given])
    assert (chunk.images_NHWC == images(7)).all()
    assert chunk.labels_N.tolist() == labels(7).tolist()
    assert chunk.split is None
    assert chunk.origins[3] == f"{pair[0].name} image 3"


def test_names_do_not_matter_content_does(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(gzip.compress(idx(labels(5))))
    (tmp_path / "b.dat").write_bytes(idx(images(5)[..., 0]))
    (tmp_path / "README.txt").write_text("about these files")
    assert len(read(tmp_path)[0].labels_N) == 5
    assert len(read(tmp_path / "a.bin")[0].labels_N) == 5


def test_a_second_pair_named_test_is_the_test_split(tmp_path: Path) -> None:
    write_pair(tmp_path, 9, "train")
    write_pair(tmp_path, 4, "t10k", seed=1)
    assert [(chunk.split, len(chunk.labels_N)) for chunk in read(tmp_path)] == [("train", 9), ("test", 4)]
    [only] = read(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert only.split is None


def test_a_file_that_lies_there_zipped_and_unzipped_counts_once(tmp_path: Path) -> None:
    write_pair(tmp_path, 6, zipped=True)
    write_pair(tmp_path, 6, zipped=False)
    assert len(read(tmp_path)[0].labels_N) == 6


def test_many_chunks_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pigeonhole.data.idx_format.CHUNK_BYTES", 50)
    write_pair(tmp_path, 11)
    chunks = read(tmp_path)
    assert len(chunks) == 4
    assert (np.concatenate([chunk.images_NHWC for chunk in chunks]) == images(11)).all()


def test_facts_have_the_hash_of_the_decompressed_content(tmp_path: Path) -> None:
    import hashlib

    write_pair(tmp_path, 5)
    reading = IdxSource().read(str(tmp_path), ReadOptions())
    list(reading.chunks)
    assert reading.facts["files"][0]["sha256"] == hashlib.sha256(idx(images(5)[..., 0])).hexdigest()


def spoil(path: Path, content: bytes) -> None:
    path.write_bytes(content)


PAIR = (idx(images(7)[..., 0]), idx(labels(7)))
ZIPPED = gzip.compress(PAIR[0])
BROKEN = {
    "truncated gzip": (ZIPPED[:60], "gzip stream is truncated"),
    "truncated gzip trailer": (ZIPPED[:-4], "gzip stream is truncated"),
    "corrupt gzip": (ZIPPED[:30] + bytes([ZIPPED[30] ^ 255]) + ZIPPED[31:], "gzip stream is corrupt"),
    "corrupt gzip checksum": (ZIPPED[:-8] + bytes([ZIPPED[-8] ^ 255]) + ZIPPED[-7:], "gzip stream is corrupt"),
    "wrong magic number": (b"\x00\x00\x08\x02" + PAIR[0][4:], "magic number 0x00000802"),
    "no magic number": (b"GIF89a" + PAIR[0], "magic number 0x47494638"),
    "floats": (b"\x00\x00\x0d\x03" + PAIR[0][4:], "magic number 0x00000d03"),
    "truncated": (PAIR[0][:-20], r"ends after 108 bytes, in image 5"),
    "truncated in its header": (PAIR[0][:10], "in its header"),
    "too long": (PAIR[0] + b"x", "goes on after"),
    "no images": (idx(np.zeros((0, 4, 4), np.uint8)), "the header says 0 × 4 × 4"),
    "absurd size": (PAIR[0][:8] + b"\xff" * 8 + PAIR[0][16:], "4294967295"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_images_file_is_refused(tmp_path: Path, case: str) -> None:
    content, words = BROKEN[case]
    path, _ = write_pair(tmp_path, 7, zipped=False)
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path)
    assert path.name in caught.value.received
    assert caught.value.accepted
    assert caught.value.remedy
    assert caught.value.exit_code == 3


def test_counts_that_differ_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, 7)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels(8))))
    with pytest.raises(DataError, match=r"has 7 images, .* has 8 labels"):
        read(tmp_path)


def test_labels_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(PAIR[1])
    with pytest.raises(DataError, match="0 files of images and 1 of labels"):
        read(tmp_path)
    with pytest.raises(DataError, match="0 files of images beside it"):
        read(tmp_path / "labels")


def test_two_pairs_of_which_none_is_named_test_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, 7, "monday")
    write_pair(tmp_path, 5, "tuesday")
    with pytest.raises(DataError, match="two pairs"):
        read(tmp_path)


def test_pairs_of_different_sizes_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, 7, "train")
    (tmp_path / "test-images").write_bytes(idx(images(5, (3, 3, 1))[..., 0]))
    (tmp_path / "test-labels").write_bytes(idx(labels(5)))
    with pytest.raises(DataError, match="different sizes, 3 × 3 and 4 × 4"):
        read(tmp_path)
