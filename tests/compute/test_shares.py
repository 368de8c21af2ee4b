"""What part of the machine each slot gets."""

from __future__ import annotations

import psutil

from pigeonhole.compute.shares import memory_share


def test_slots_share_the_memory_and_leave_some_to_others():
    there = psutil.virtual_memory().total
    assert memory_share(1, limits=()) == int(there * 0.9)
    assert 4 * memory_share(4, limits=()) <= memory_share(1, limits=())


def test_a_containers_limit_counts_where_it_is_lower(tmp_path):
    low, none = tmp_path / "low", tmp_path / "none"
    low.write_text("1000000000\n", encoding="ascii")
    none.write_text("max\n", encoding="ascii")
    assert memory_share(2, limits=[str(none), str(tmp_path / "absent"), str(low)]) == 450_000_000
