"""A job from outside: done once, found again, never over another's file, in memory that does not grow."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole.batch import BatchOptions, finished, run
from pigeonhole.batch.job import partial_folder
from pigeonhole.core.errors import ConflictError, DataError, UsageError
from pigeonhole.core.locks import exclusive
from pigeonhole.images import png
from tests.bundle.tiny_onnx import band_images, write_tiny
from tests.test_package import base_only


class Counting:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.total, self.done, self.notes = 0, 0, []

    def expect(self, total: int) -> None:
        self.total = total

    def advance(self, n: int = 1) -> None:
        self.done += n

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_finished_job_is_found_again(tiny: Path, npy: Path) -> None:
    out = npy.with_name("out.parquet")
    first = run(tiny, str(npy), out)
    content, written = out.read_bytes(), out.stat().st_mtime_ns
    again = run(tiny, str(npy), out)
    assert (first.reused, again.reused) == (False, True)
    assert (out.read_bytes(), out.stat().st_mtime_ns) == (content, written)
    assert again.to_dict() == {**first.to_dict(), "reused": True}
    assert sorted(path.name for path in npy.parent.glob("out*")) == ["out.parquet", "out.parquet.json"]


def test_the_order_and_the_bytes_do_not_depend_on_how_many_work(tiny: Path, npy: Path) -> None:
    one, four = (
        npy.with_name(f"{workers}.csv")
        if run(
            tiny, str(npy), npy.with_name(f"{workers}.csv"), BatchOptions(mini_batch_size=3, max_concurrency=workers)
        )
        else npy
        for workers in (1, 4)
    )
    assert one.read_bytes() == four.read_bytes()


def test_progress_knows_the_whole_and_counts_every_image(tiny: Path, npy: Path) -> None:
    progress = Counting()
    run(tiny, str(npy), npy.with_name("out.csv"), BatchOptions(mini_batch_size=9), progress=progress)
    assert (progress.total, progress.done, progress.notes) == (40, 40, [])


@pytest.mark.parametrize("change", ["file", "options", "source", "model"])
def test_another_file_is_never_written_over(change: str, tiny: Path, npy: Path, bands: np.ndarray) -> None:
    out = npy.with_name("out.csv")
    run(tiny, str(npy), out)
    model, options = tiny, BatchOptions()
    if change == "file":
        out.write_text("mine\n")
    elif change == "source":
        np.save(npy, bands[:20])
    elif change == "model":
        model = write_tiny(npy.with_name("other"), class_names=("a", "b", "c")).folder
    else:
        options = BatchOptions(invert=True)
    content = out.read_bytes()
    with pytest.raises(ConflictError, match="is there already"):
        run(model, str(npy), out, options)
    assert out.read_bytes() == content


def test_the_file_of_another_job_is_replaced_where_that_is_said(tiny: Path, tmp_path: Path, bands: np.ndarray) -> None:
    folder, out, replace = tmp_path / "pictures", tmp_path / "out.csv", BatchOptions(replace=True)
    folder.mkdir()
    (folder / "1.png").write_bytes(png(bands[1]))
    (folder / "2.png").write_bytes(b"damaged")
    assert run(tiny, str(folder), out, replace).failed == 1
    (folder / "2.png").write_bytes(png(bands[2]))
    assert run(tiny, str(folder), out, replace).labels == {"top": 0, "middle": 1, "bottom": 1}
    assert not out.with_name("out.csv.failed.csv").exists()
    assert run(tiny, str(folder), out, replace).reused
    out.write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        run(tiny, str(folder), out, replace)
    assert out.read_text() == "mine"


def test_work_that_was_begun_is_not_mixed_with_another_job(tiny: Path, npy: Path, bands: np.ndarray) -> None:
    out = npy.with_name("out.csv")
    interrupted(tiny, npy, out)
    np.save(npy, bands[:20])
    with pytest.raises(ConflictError, match="content was"):
        run(tiny, str(npy), out)
    assert (partial_folder(out) / "journal").stat().st_size > 0


def interrupted(tiny: Path, npy: Path, out: Path) -> None:
    class Stop(Counting):
        def advance(self, n: int = 1) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tiny, str(npy), out, BatchOptions(mini_batch_size=5), progress=Stop())


def test_an_interrupted_job_goes_on_with_other_worker_settings(tiny: Path, npy: Path) -> None:
    out = npy.with_name("out.csv")
    interrupted(tiny, npy, out)
    progress = Counting()
    result = run(tiny, str(npy), out, BatchOptions(mini_batch_size=8, max_concurrency=1), progress=progress)
    assert (result.resumed_at, result.images, progress.total, progress.done) == (5, 40, 35, 35)
    assert "going on after the 5 images" in progress.notes[0]
    run(tiny, str(npy), npy.with_name("whole.csv"))
    assert out.read_bytes() == npy.with_name("whole.csv").read_bytes()
    assert not partial_folder(out).exists()


def test_two_at_once_are_one_and_a_refusal(tiny: Path, npy: Path) -> None:
    out = npy.with_name("out.csv")
    with (
        exclusive(partial_folder(out) / "lock", "the file"),
        pytest.raises(ConflictError, match="being written by process"),
    ):
        run(tiny, str(npy), out)
    assert run(tiny, str(npy), out).predicted == 40


def test_a_folder_is_no_file_to_write(tiny: Path, npy: Path) -> None:
    with pytest.raises(UsageError, match="--out"):
        run(tiny, str(npy), npy.parent)


def test_a_changed_file_is_not_taken_for_the_result(tiny: Path, npy: Path) -> None:
    out = npy.with_name("out.csv")
    run(tiny, str(npy), out)
    assert finished(out) is not None
    out.write_text(out.read_text().replace("top", "pot"))
    assert finished(out) is None


def test_memory_does_not_grow_with_the_images(tiny: Path, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        np.save(tmp_path / "some.npy", np.tile(band_images(100)[0], (count // 100, 1, 1, 1)))
        tracemalloc.start()
        run(tiny, str(tmp_path / "some.npy"), tmp_path / f"{count}.csv")
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(100)  # the first brings imports with it
    assert peak(12_000) < 1.3 * peak(3_000)


@pytest.mark.parametrize(("room", "done"), [(1000, range(1, 40)), (2500, [40])], ids=["journal", "output"])
def test_a_full_disk_keeps_what_was_done(room: int, done: Sequence[int], tiny: Path, npy: Path) -> None:
    out = npy.with_name("out.csv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(DataError, match="disk filled up"):
            run(tiny, str(npy), out, BatchOptions(mini_batch_size=4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    result = run(tiny, str(npy), out, BatchOptions(mini_batch_size=4))
    assert result.resumed_at in done
    run(tiny, str(npy), npy.with_name("whole.csv"))
    assert out.read_bytes() == npy.with_name("whole.csv").read_bytes()


def test_the_base_installation_writes_csv_and_names_what_parquet_wants(tiny: Path, npy: Path) -> None:
    lines = [["batch", str(tiny), str(npy), "--out", str(npy.with_name(name))] for name in ("a.csv", "a.parquet")]
    done = base_only(f"from pigeonhole.cli.main import run; print([run(line) for line in {lines!r}])")
    assert done.stdout.splitlines()[-1] == "[0, 4]", done.stderr
    assert "pip install 'pigeonhole[data]'" in done.stderr
    assert not partial_folder(npy.with_name("a.parquet")).exists()


def test_the_verb_and_the_room_share_a_name() -> None:
    import pigeonhole.batch.journal
    from pigeonhole.batch import BatchOptions as Options

    assert callable(ph.batch)
    assert Options is BatchOptions
    assert pigeonhole.batch.__module__ == "pigeonhole.workflows.batch"
