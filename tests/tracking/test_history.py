from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pigeonhole.tracking import history


def test_epochs_come_back_in_order(tmp_path):
    path = tmp_path / "history.jsonl"
    for epoch in (1, 2, 3):
        history.append(path, {"epoch": epoch, "train_loss": 1 / epoch})
    assert [record["epoch"] for record in history.read(path)] == [1, 2, 3]


def test_no_file_is_no_epochs(tmp_path):
    assert history.read(tmp_path / "absent.jsonl") == []


def test_not_a_number_is_stored_as_null(tmp_path):
    path = tmp_path / "history.jsonl"
    history.append(path, {"epoch": 1, "train_loss": float("nan"), "parts": {"a": float("inf")}})
    assert history.read(path) == [{"epoch": 1, "train_loss": None, "parts": {"a": None}}]


def test_an_epoch_trained_again_replaces_itself_and_what_followed(tmp_path):
    path = tmp_path / "history.jsonl"
    for epoch, loss in ((1, 0.5), (2, 0.4), (3, 0.3), (2, 0.41)):
        history.append(path, {"epoch": epoch, "train_loss": loss})
    assert [(record["epoch"], record["train_loss"]) for record in history.read(path)] == [(1, 0.5), (2, 0.41)]


@given(st.integers(min_value=0, max_value=300))
def test_a_line_torn_anywhere_costs_that_epoch_only(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "history.jsonl"
    for epoch in range(1, 5):
        history.append(path, {"epoch": epoch, "note": "Größe"})
    whole = path.read_bytes()
    kept = whole[: min(cut, len(whole))]
    path.write_bytes(kept)
    complete = kept.count(b"\n")
    assert len(history.read(path)) == complete
    history.append(path, {"epoch": complete + 1, "note": "again"})
    assert [record["epoch"] for record in history.read(path)] == list(range(1, complete + 2))
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line)
