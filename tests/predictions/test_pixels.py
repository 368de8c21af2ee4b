"""The files beside a SQLite database that hold logged images: when they come and go, and what outlives a fault."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import NotFoundError, UsageError
from pigeonhole.predictions import Limits, pixels, read_images, read_requests
from pigeonhole.predictions import log as log_module
from pigeonhole.predictions.blocks import alone, insert, pack
from pigeonhole.predictions.retention import Retention
from tests.predictions.making import SHAPE, entry, images, open_log


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def files(url):
    folder = pixels.folder_of(url)
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def add(log, number, labels, **how):
    log.add(entry(log, number, labels, **how))
    assert log.flush()


def seen(database, log, number):
    return read_images(database, "digits", f"{log.source}-{number:x}")


def test_the_database_only_says_where_the_pixels_are(sqlite_url, database):
    log = open_log(sqlite_url)
    add(log, 0, [0, 1], seed=1)
    add(log, 1, [2], seed=2)
    log.close()
    assert files(sqlite_url) == [f"{log.source}-0.bin"]
    assert Path(f"{sqlite_url.removeprefix('sqlite:///')}-images", files(sqlite_url)[0]).read_bytes() == (
        images(2, 1).tobytes() + images(1, 2).tobytes()
    )
    rows = database.execute("SELECT file, first_byte, size_bytes, length(pixels) AS n FROM prediction_images")
    name = f"{log.source}-0.bin"
    assert rows == [
        {"file": name, "first_byte": 0, "size_bytes": 32, "n": 0},
        {"file": name, "first_byte": 32, "size_bytes": 16, "n": 0},
    ]
    np.testing.assert_array_equal(seen(database, log, 1), images(1, 2))


def test_a_log_without_images_makes_no_folder(sqlite_url):
    log = open_log(sqlite_url, log_images=False)
    add(log, 0, [0])
    log.close()
    assert pixels.folder_of(sqlite_url).exists() is False


def test_images_that_an_earlier_release_kept_in_the_table_are_read_and_dropped(sqlite_url, database):
    log = open_log(sqlite_url)
    old = entry(log, 7, [0, 1], at=1.0, seed=7)
    block, packed = pack([alone(old)], source=log.source, number=99, endpoint="digits", shape_HWC=SHAPE)
    with database.transaction() as transaction:
        insert(transaction, block, packed)
    assert files(sqlite_url) == []
    np.testing.assert_array_equal(seen(database, log, 7), images(2, 7))
    (request,) = read_requests(database, "digits")
    np.testing.assert_array_equal(request.images_NHWC, images(2, 7))
    log.close()
    newer = open_log(sqlite_url, image_limits=Limits(days=1))
    add(newer, 0, [0], at=1e10)
    newer.close()
    assert newer.images_dropped == 2
    assert read_images(database, "digits", f"{newer.source}-0").shape == (1, *SHAPE)


def test_a_file_goes_with_the_last_of_its_images(sqlite_url, database):
    log = open_log(sqlite_url, image_limits=Limits(size_bytes=6400))  # 100 bytes a file, six images
    for number in range(100):
        add(log, number, [0] * 5, at=float(number))  # 80 bytes, so each block has a file of its own
    named = {row["file"] for row in database.execute("SELECT DISTINCT file FROM prediction_images")}
    assert set(files(sqlite_url)) == named
    assert 75 < len(named) <= 80
    log.close()
    assert set(files(sqlite_url)) == named


def test_a_file_that_is_added_to_stays_though_its_images_left(sqlite_url, database):
    busy = open_log(sqlite_url)
    add(busy, 0, [0], at=1.0)
    other = open_log(sqlite_url, image_limits=Limits(days=1))
    add(other, 0, [0], at=1e10)
    assert other.images_dropped == 1
    assert files(sqlite_url) == sorted([f"{busy.source}-0.bin", f"{other.source}-0.bin"])
    add(busy, 1, [2], at=1e10, seed=5)
    np.testing.assert_array_equal(seen(database, busy, 1), images(1, 5))
    busy.close()
    other.close()
    assert len(files(sqlite_url)) == 2


def test_a_source_takes_its_own_empty_files_along(sqlite_url):
    log = open_log(sqlite_url, image_limits=Limits(size_bytes=0))
    add(log, 0, [0])
    add(log, 1, [0])
    assert files(sqlite_url) == [f"{log.source}-1.bin"]  # emptied, and still open
    log.close()
    assert files(sqlite_url) == []


def test_an_emptied_file_goes_when_its_source_ends_though_another_emptied_it(sqlite_url):
    busy = open_log(sqlite_url)
    add(busy, 0, [0], at=1.0)
    other = open_log(sqlite_url, image_limits=Limits(days=1))
    add(other, 0, [0], at=1e10)
    other.close()
    busy.close()
    assert files(sqlite_url) == [f"{other.source}-0.bin"]


def test_what_a_kill_left_behind_goes_when_the_next_server_logs(sqlite_url, caplog):
    log = open_log(sqlite_url)
    add(log, 0, [0])
    left = pixels.folder_of(sqlite_url) / "0123456789ab-0.bin"
    left.write_bytes(b"written, and then killed before the row")
    odd = left.with_name("fedcba987654-0.bin")
    odd.mkdir()
    foreign = left.with_name("README")
    foreign.write_text("mine")
    log.close()
    assert left.exists()
    newer = open_log(sqlite_url)
    add(newer, 0, [0])
    newer.close()
    assert (left.exists(), odd.exists(), foreign.exists()) == (False, True, True)
    assert "fedcba987654-0.bin holds no image of the log and still takes space" in caplog.text
    assert f"{log.source}-0.bin" in files(sqlite_url)


def test_a_full_disk_halfway_leaves_no_gap_and_no_copy(sqlite_url, database, monkeypatch, caplog):
    monkeypatch.setattr(log_module, "RETRY_S", 0.01)
    log = open_log(sqlite_url)
    add(log, 0, [1], seed=1)
    write, tries = os.pwrite, []

    def full(descriptor, content, start):
        tries.append(start)
        if len(tries) == 1:
            return write(descriptor, bytes(content[:20]), start)
        if len(tries) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content, start)

    monkeypatch.setattr(os, "pwrite", full)
    add(log, 1, [0, 2], seed=2)
    add(log, 2, [1], seed=3)
    log.close()
    assert tries == [16, 36, 16, 48]
    assert "No space left" in caplog.text
    assert (log.written, log.dropped) == (3, 0)
    for number, n, seed in ((0, 1, 1), (1, 2, 2), (2, 1, 3)):
        np.testing.assert_array_equal(seen(database, log, number), images(n, seed))


def test_a_row_that_is_written_again_points_to_the_same_pixels(sqlite_url, database, monkeypatch):
    monkeypatch.setattr(log_module, "RETRY_S", 0.01)
    log = open_log(sqlite_url)
    enforce, tries = Retention.enforce, []

    def fail_once(retention, transaction, added):
        tries.append(added)
        if len(tries) == 1:
            raise RuntimeError("the answer was lost")
        return enforce(retention, transaction, added)

    monkeypatch.setattr(Retention, "enforce", fail_once)
    add(log, 0, [0, 1], seed=4)
    log.close()
    assert tries == [32, 32]
    assert [path.stat().st_size for path in pixels.folder_of(sqlite_url).iterdir()] == [32]
    np.testing.assert_array_equal(seen(database, log, 0), images(2, 4))


def test_a_file_taken_for_left_behind_while_it_was_made_is_not_written_to(tmp_path, monkeypatch):
    lock, locked = pixels.fcntl.flock, []

    def removed_first(descriptor, how):
        locked.append(how)
        if len(locked) == 1:
            (tmp_path / "images" / "s-0.bin").unlink()
        lock(descriptor, how)

    monkeypatch.setattr(pixels.fcntl, "flock", removed_first)
    found = pixels.PixelFiles(tmp_path / "images", "s")
    assert found.add(0, b"abc") == ("s-1.bin", 0)
    found.close()
    assert (tmp_path / "images" / "s-1.bin").read_bytes() == b"abc"


def test_a_file_that_a_remover_looks_at_is_left_to_it(tmp_path):
    found = pixels.PixelFiles(tmp_path / "images", "s")
    path = tmp_path / "images" / "s-0.bin"
    opened, remover = os.open, []

    def locked_by_a_remover(name, flags, mode=0o777):
        descriptor = opened(name, flags, mode)
        if name == path:
            remover.append(opened(name, os.O_RDONLY))
            pixels.fcntl.flock(remover[0], pixels.fcntl.LOCK_EX)
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", locked_by_a_remover)
        assert found.add(0, b"abc") == ("s-1.bin", 0)
    found.close()
    os.close(remover[0])
    assert [each.name for each in path.parent.iterdir()] == ["s-1.bin"]


def test_a_file_that_cannot_be_begun_leaves_nothing_open(tmp_path, monkeypatch):
    found = pixels.PixelFiles(tmp_path / "images", "s")
    force, before = pixels.fsync, {path.name for path in Path("/proc/self/fd").iterdir()}

    def fail(folder):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pixels, "fsync", fail)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            found.add(0, b"abc")
    assert {path.name for path in Path("/proc/self/fd").iterdir()} == before
    assert list((tmp_path / "images").iterdir()) == []
    monkeypatch.setattr(pixels, "fsync", force)
    assert found.add(0, b"abc") == ("s-3.bin", 0)
    found.close()


def test_a_folder_deleted_under_a_server_is_made_anew(sqlite_url, database):
    log = open_log(sqlite_url)
    add(log, 0, [0])
    shutil.rmtree(pixels.folder_of(sqlite_url))
    add(log, 1, [1], seed=1)
    log.close()
    np.testing.assert_array_equal(seen(database, log, 1), images(1, 1))
    with pytest.raises(NotFoundError):
        seen(database, log, 0)


def test_who_may_not_read_the_database_may_not_read_the_images(sqlite_url, database):
    Path(sqlite_url.removeprefix("sqlite:///")).chmod(0o640)
    log = open_log(sqlite_url)
    add(log, 0, [0])
    log.close()
    folder = pixels.folder_of(sqlite_url)
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())] == ["0o750", "0o640"]


def test_a_folder_that_cannot_be_is_told_of_before_the_first_request(sqlite_url):
    pixels.folder_of(sqlite_url).write_text("in the way")
    with pytest.raises(UsageError, match="cannot be opened"):
        open_log(sqlite_url)
    open_log(sqlite_url, log_images=False).close()


def test_a_linked_database_has_one_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "workspace.db")
    assert pixels.folder_of(f"sqlite:///{tmp_path / 'link.db'}") == tmp_path / "real" / "workspace.db-images"


@pytest.mark.parametrize("fault", [Path.unlink, lambda path: path.write_bytes(b"short")])
def test_images_whose_file_is_gone_or_cut_are_images_that_left_the_log(sqlite_url, database, fault):
    log = open_log(sqlite_url)
    add(log, 0, [0, 1])
    log.close()
    fault(pixels.folder_of(sqlite_url) / f"{log.source}-0.bin")
    (request,) = read_requests(database, "digits")
    assert (request.labels, request.images_NHWC) == (("a", "b"), None)
    with pytest.raises(NotFoundError, match="the images of the request"):
        seen(database, log, 0)
