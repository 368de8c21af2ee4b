"""What every source of images promises, as tests. Subclass `SourceContract` in a test file and say where to read.

class TestMySource(SourceContract):
    def source(self, folder): return MySource()
    def location(self, folder): ...write some images into folder...; return str(folder)
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.data import Chunk, Reading, ReadOptions, Source
from pigeonhole.data.reading import SPLITS


class SourceContract(ABC):
    """Tests that pytest collects from a subclass whose name begins with `Test`."""

    @abstractmethod
    def source(self, folder: Path) -> Source:
        """The source under test; `folder` is the same empty folder that `location` gets."""

    @abstractmethod
    def location(self, folder: Path) -> str:
        """Somewhere the source can read at least three images of two classes from."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> tuple[Source, str]:
        """The source and a location, both fresh."""
        return self.source(tmp_path), self.location(tmp_path)

    def test_it_matches_its_own_location_and_nothing_else(self, opened: tuple[Source, str], tmp_path: Path) -> None:
        """`matches` is a plain yes or no, for anything."""
        source, location = opened
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "notes.txt").write_text("nothing to see")
        assert source.matches(location) is True
        for other in ("no-such-set", str(elsewhere), str(elsewhere / "notes.txt"), str(elsewhere / "absent")):
            assert source.matches(other) is False, other

    def test_every_chunk_keeps_to_the_reading(self, opened: tuple[Source, str]) -> None:
        """Shapes, types, labels and origins are what the reading says they are."""
        reading, chunks = self._read(opened)
        assert reading.kind == opened[0].kind
        for chunk in chunks:
            assert chunk.images_NHWC.dtype == np.uint8
            assert chunk.images_NHWC.shape == (len(chunk.labels_N), *reading.shape_HWC)
            assert len(chunk.labels_N) == len(chunk.origins) > 0
            assert chunk.labels_N.dtype == np.int64
            assert chunk.labels_N.min() >= 0
            assert chunk.split in {None, *SPLITS}
            if reading.class_names is not None:
                assert chunk.labels_N.max() < len(reading.class_names)

    def test_it_gives_as_many_images_as_it_said(self, opened: tuple[Source, str]) -> None:
        """A count that is given is right, and class names are given once each."""
        reading, chunks = self._read(opened)
        total = sum(len(chunk.labels_N) for chunk in chunks)
        assert total >= 3
        assert reading.count in {None, total}
        assert reading.class_names is None or len(set(reading.class_names)) == len(reading.class_names) >= 2

    def test_every_image_has_an_origin_of_its_own(self, opened: tuple[Source, str]) -> None:
        """Messages and the index name one image each."""
        origins = [origin for chunk in self._read(opened)[1] for origin in chunk.origins]
        assert len(set(origins)) == len(origins)
        assert all(origin.strip() for origin in origins)

    def test_training_images_come_before_test_images(self, opened: tuple[Source, str]) -> None:
        """Rows keep the order of the source, and consumers rely on test rows being last."""
        splits = [chunk.split for chunk in self._read(opened)[1]]
        order = [SPLITS.index(split) if split else 0 for split in splits]
        assert order == sorted(order)

    def test_reading_twice_gives_the_same(self, opened: tuple[Source, str]) -> None:
        """The same content has the same hash, so it must come in the same order."""
        (_, first), (_, second) = self._read(opened), self._read(opened)
        assert (self._pixels(first) == self._pixels(second)).all()
        assert [list(chunk.labels_N) for chunk in first] == [list(chunk.labels_N) for chunk in second]

    def test_its_facts_fit_into_a_manifest(self, opened: tuple[Source, str]) -> None:
        """Once everything is read, the facts say where it came from, as JSON."""
        reading, _ = self._read(opened)
        assert reading.facts
        assert json.loads(json.dumps(reading.facts, allow_nan=False)) == reading.facts

    @staticmethod
    def _read(opened: tuple[Source, str]) -> tuple[Reading, list[Chunk]]:
        source, location = opened
        reading = source.read(location, ReadOptions())
        return reading, list(reading.chunks)

    @staticmethod
    def _pixels(chunks: list[Chunk]) -> np.ndarray:
        return np.concatenate([chunk.images_NHWC for chunk in chunks])
