"""An endpoint's log is bounded, while servers and what scripts have started hold it open."""

from __future__ import annotations

from pigeonhole.endpoints import logfile


def test_a_log_that_has_grown_large_is_emptied_under_its_writers(tmp_path, monkeypatch):
    monkeypatch.setattr(logfile, "LOG_LIMIT_BYTES", 100)
    path = tmp_path / "log.txt"
    assert not logfile.rotate(path)
    with path.open("ab", buffering=0) as writer:
        writer.write(b"a short log\n")
        assert not logfile.rotate(path)
        for number in range(50):
            writer.write(b"line %d\n" % number)
        assert logfile.rotate(path)
        writer.write(b"and on\n")
    assert logfile.tail(path, 5) == ["and on"]
    older = path.with_suffix(".old.txt")
    assert older.stat().st_size == 100
    assert logfile.tail(older, 1) == ["line 49"]
