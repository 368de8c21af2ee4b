"""Every source of the package keeps the contract that it ships for others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pigeonhole.data import Source
from pigeonhole.data.sources import SOURCES
from pigeonhole.data.sources.idx import IdxSource
from pigeonhole.data.sources.image_folder import ImageFolderSource
from pigeonhole.data.sources.kaggle_csv import KaggleCsvSource
from pigeonhole.data.sources.mnist import FILES, MnistSource
from pigeonhole.data.sources.mnist_sample import MnistSampleSource
from pigeonhole.testing.sources import SourceContract

from .making import idx, images, labels, write_csv, write_folder, write_pair


class TestIdx(SourceContract):
    def source(self, folder: Path) -> Source:
        return IdxSource()

    def location(self, folder: Path) -> str:
        write_pair(folder / "digits", 9, "train")
        write_pair(folder / "digits", 4, "test")
        return str(folder / "digits")


class TestKaggleCsv(SourceContract):
    def source(self, folder: Path) -> Source:
        return KaggleCsvSource()

    def location(self, folder: Path) -> str:
        return str(write_csv(folder / "train.csv"))


class TestImageFolder(SourceContract):
    def source(self, folder: Path) -> Source:
        return ImageFolderSource()

    def location(self, folder: Path) -> str:
        for split, seed in (("test", 1), ("train", 2)):
            write_folder(folder / "pets" / split, seed=seed)
        return str(folder / "pets")


class TestMnistSample(SourceContract):
    def source(self, folder: Path) -> Source:
        return MnistSampleSource()

    def location(self, folder: Path) -> str:
        return "mnist-5k"


class TestMnist(SourceContract):
    """A small stand-in for the four files, below a folder of PIGEONHOLE_DATA."""

    @pytest.fixture(autouse=True)
    def _at_hand(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIGEONHOLE_DATA", str(tmp_path))

    def source(self, folder: Path) -> Source:
        contents = [idx(images(6)[..., 0]), idx(labels(6)), idx(images(3)[..., 0]), idx(labels(3))]
        (folder / "mnist").mkdir(exist_ok=True)
        for name, content in zip(FILES, contents, strict=True):
            (folder / "mnist" / name).write_bytes(content)
        hashes = [hashlib.sha256(content).hexdigest() for content in contents]
        return MnistSource(files=dict(zip(FILES, hashes, strict=True)))

    def location(self, folder: Path) -> str:
        return "mnist"


def test_every_source_is_tried_above() -> None:
    tried = {IdxSource, KaggleCsvSource, ImageFolderSource, MnistSampleSource, MnistSource}
    assert {type(source) for source in SOURCES} == tried
