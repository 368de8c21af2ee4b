"""The journal: whatever tears its end, what is read back is the whole records before the tear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pigeonhole.batch.journal import Journal
from pigeonhole.batch.outcome import Outcome

SIZES = (3, 1, 4)


def outcome(start: int, n: int) -> Outcome:
    probs_NK = np.random.default_rng(start).random((n, 2)).astype(np.float32)
    failed = {0: "damaged"} if start else {}
    return Outcome(start, [f"é {start + place}.png" for place in range(n)], probs_NK, failed, {n - 1: ["dark"]})


def written(path: Path) -> list[Outcome]:
    outcomes = [outcome(sum(SIZES[:place]), n) for place, n in enumerate(SIZES)]
    journal = Journal(path, 2)
    for one in outcomes:
        journal.append(one)
    journal.close()
    return outcomes


def same(one: Outcome, other: Outcome) -> bool:
    facts = [(o.start, list(o.names), dict(o.failed), dict(o.warned)) for o in (one, other)]
    return facts[0] == facts[1] and np.array_equal(one.probs_NK, other.probs_NK)


def test_what_was_added_is_read_back(tmp_path: Path) -> None:
    outcomes = written(tmp_path / "journal")
    journal = Journal(tmp_path / "journal", 2)
    assert journal.rows == sum(SIZES)
    assert all(same(*pair) for pair in zip(journal.records(), outcomes, strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(at=st.floats(0, 1), kind=st.sampled_from(["cut", "flip", "zeros", "garbage"]), rest=st.binary(max_size=40))
def test_a_torn_end_is_cut_off_and_work_goes_on(tmp_path: Path, at: float, kind: str, rest: bytes) -> None:
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    outcomes = written(path)
    content = path.read_bytes()
    place = int(at * (len(content) - 1))
    if kind == "flip":
        torn = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    else:
        torn = content[:place] + {"cut": b"", "zeros": bytes(len(content)), "garbage": rest}[kind]
    path.write_bytes(torn)
    journal = Journal(path, 2)
    kept = list(journal.records())
    assert all(same(one, other) for one, other in zip(kept, outcomes, strict=False))
    assert journal.rows == sum(map(len, kept)) <= sum(SIZES)
    for one in outcomes[len(kept) :]:
        journal.append(one)
    journal.close()
    assert path.read_bytes() == content


def test_rows_out_of_order_are_a_bug(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", 2)
    with pytest.raises(AssertionError):
        journal.append(outcome(5, 2))
    journal.close()
