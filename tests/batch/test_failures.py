"""What fails is counted, named and, where it may pass, tried again; past the threshold the job is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pigeonhole import bundle
from pigeonhole.batch import BatchOptions, run
from pigeonhole.batch.reading import portions_from
from pigeonhole.batch.scoring import Scorer
from pigeonhole.core.errors import DataError, GateError
from pigeonhole.data.unlabelled import Encoded, ImageSet, Pixels, Portion
from pigeonhole.images import png
from tests.bundle.tiny_onnx import tiny_model, write_tiny


@pytest.fixture
def pictures(tmp_path: Path, bands: np.ndarray) -> Path:
    """Ten pictures, of which those with an even number are damaged."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for row in range(10):
        (folder / f"{row}.png").write_bytes(png(bands[row])[: 30 if row % 2 == 0 else None])
    return folder


def failing(times: int, then: Callable[[], object]) -> Callable[[], object]:
    left = [OSError("the file system is away")] * times

    def work() -> object:
        if left:
            raise left.pop()
        return then()

    return work


def test_the_threshold_is_over_the_whole_job(tiny: Path, pictures: Path) -> None:
    out = pictures.with_name("out.csv")
    options = BatchOptions(mini_batch_size=2, error_threshold=2, max_concurrency=1)
    with pytest.raises(DataError, match=r"3 of the first 6 images failed\n  0\.png: .*\n  2\.png: .*\n  4\.png"):
        run(tiny, str(pictures), out, options)
    assert not out.exists()
    with pytest.raises(DataError, match="3 of the first 6"):
        run(tiny, str(pictures), out, options)
    result = run(tiny, str(pictures), out, options.model_copy(update={"error_threshold": 5}))
    assert (result.resumed_at, result.predicted, result.failed) == (6, 5, 5)
    assert [item["row"] for item in result.failures] == [0, 2, 4, 6, 8]


def test_a_job_in_which_nothing_succeeds_is_no_success(tiny: Path, pictures: Path) -> None:
    for row in (1, 3, 5, 7, 9):
        (pictures / f"{row}.png").unlink()
    with pytest.raises(DataError, match="none of the 5 images"):
        run(tiny, str(pictures), pictures.with_name("out.csv"))
    assert not pictures.with_name("out.csv").exists()


def test_an_error_of_the_file_system_is_tried_again(tiny: Path, bands: np.ndarray) -> None:
    scorer = Scorer(bundle.load(tiny), max_retries=1)
    names = [f"{row}" for row in range(40)]
    passing = scorer(Portion(0, names, failing(1, lambda: Pixels(bands))))
    assert passing.failed == {}
    staying = scorer(Portion(0, names, failing(2, lambda: Pixels(bands))))
    assert staying.failed == dict.fromkeys(range(40), "the file system is away")
    assert np.isnan(staying.probs_NK).all()
    assert set(staying.labels_N.tolist()) == {-1}


def test_one_file_that_stays_away_fails_alone(tiny: Path, bands: np.ndarray) -> None:
    scorer = Scorer(bundle.load(tiny), max_retries=1)
    readers = [failing(times, lambda row=row: png(bands[row])) for row, times in enumerate((0, 1, 2))]
    found = scorer(Portion(7, ["a", "b", "c"], lambda: Encoded(readers)))
    assert found.failed == {2: "the file system is away"}
    assert found.labels_N.tolist() == [0, 1, -1]


def test_a_bug_is_no_failed_image(tiny: Path) -> None:
    def broken() -> Pixels:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        Scorer(bundle.load(tiny), max_retries=3)(Portion(0, ["a"], broken))


def test_a_source_that_breaks_off_is_read_on_where_it_was(bands: np.ndarray) -> None:
    begun: list[int] = []

    def read(first: int, size: int) -> Iterator[Portion]:
        begun.append(first)
        for start in range(first, 40, size):
            if start == 16 and begun.count(16) < 2:
                raise OSError("the file system is away")
            yield Portion(start, [str(row) for row in range(start, min(40, start + size))], lambda: Pixels(bands))

    images = ImageSet("test", "test", "", read)
    found = list(portions_from(images, 0, BatchOptions(mini_batch_size=8, max_retries=2)))
    assert [portion.start for portion in found] == [0, 8, 16, 24, 32]
    assert begun == [0, 16, 16]
    begun.clear()
    with pytest.raises(DataError, match="row 16: the file system is away"):
        list(portions_from(images, 0, BatchOptions(mini_batch_size=8, max_retries=0)))


def test_a_probability_that_is_no_number_is_a_failure(tmp_path: Path, bands: np.ndarray) -> None:
    zeros = np.zeros((2, 6, 6, 1), np.uint8)
    third = np.full((2, 3), 1 / 3, np.float32)
    model = tiny_model(sharpness=1.2e39)
    folder = write_tiny(tmp_path / "odd", onnx_model=model, probe_images_NHWC=zeros, probe_probs_NK=third).folder
    bright = np.full((6, 6, 1), 255, np.uint8)
    np.save(tmp_path / "some.npy", np.stack([zeros[0], bright]))
    result = run(folder, str(tmp_path / "some.npy"), tmp_path / "out.csv")
    assert (result.predicted, result.failed) == (1, 1)
    assert "no number" in result.failures[0]["error"]


def test_a_bundle_that_this_machine_does_not_reproduce_predicts_nothing(tiny: Path, npy: Path, tmp_path: Path) -> None:
    import json
    import shutil

    wrong = tmp_path / "wrong"
    shutil.copytree(tiny, wrong)
    with np.load(wrong / "probe.npz") as probe:
        images_NHWC, probs_NK = probe["images_NHWC"], probe["probs_NK"]
    np.savez(wrong / "probe.npz", images_NHWC=images_NHWC, probs_NK=probs_NK[::-1])
    manifest = json.loads((wrong / "manifest.json").read_text())
    from pigeonhole.core.files import sha256_file

    manifest["files"]["probe.npz"] = {
        "sha256": sha256_file(wrong / "probe.npz"),
        "size_bytes": (wrong / "probe.npz").stat().st_size,
    }
    (wrong / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises((GateError, DataError)):
        run(wrong, str(npy), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
