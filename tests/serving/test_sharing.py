"""What processes leave for each other: whole at any moment, kept when they end, and counted once."""

from __future__ import annotations

import threading

import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.serving.sharing import Shared


def together(contents):
    return b"+".join(sorted(contents))


def test_what_is_left_may_grow_and_stays_when_its_process_ends(tmp_path):
    first, second = Shared(tmp_path, together), Shared(tmp_path, together)
    for content in (b"a", b"b" * 100_000, b"c" * 300_000, b"d"):
        first.leave(content)
        assert second.others() == ([content], [])
    first.close()
    assert second.others() == ([], [b"d"])
    second.leave(b"e")
    second.close()
    # Whoever comes next puts them together; the one after that finds nothing more to do.
    assert Shared(tmp_path, together).others() == ([], [b"d+e"])


def test_a_reader_never_meets_a_half(tmp_path):
    writer, reader = Shared(tmp_path, together), Shared(tmp_path, together)
    writer.leave(b"0" * 5000)
    over = threading.Event()

    def write_on():
        number = 0
        while not over.is_set():
            number += 1
            writer.leave(b"%d" % (number % 10) * (5000 + number % 7))

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        for _ in range(200):
            (content,), ended = reader.others()
            assert (len(set(content)), ended) == (1, [])
    finally:
        over.set()
        thread.join()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="Not a directory"):
        Shared(tmp_path / "file" / "shared", together)


@pytest.mark.parametrize("damaged", [b"", bytes(100), bytes(40_000), b"\1" * 40_000])
def test_what_a_power_cut_left_is_lost_and_stops_nobody(tmp_path, caplog, damaged):
    first = Shared(tmp_path, together)
    path = tmp_path / "0123456789ab.shared"
    path.write_bytes(damaged)
    first.leave(b"a")
    assert first.others() == ([], [])
    first.close()
    assert Shared(tmp_path, together).others() == ([], [b"a"])
    assert not path.exists()
    assert caplog.text.count("are damaged, and lost") == 1
