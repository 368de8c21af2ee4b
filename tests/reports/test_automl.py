from __future__ import annotations

import json
import re

import pytest

from pigeonhole.reports import page
from pigeonhole.reports.automl.history import history_chart, improvements
from pigeonhole.reports.automl.latency import front_list, measured
from pigeonhole.reports.automl.report import draw_automl
from pigeonhole.reports.automl.shown import error_of, score_text, uncertain
from tests.reports.automls import HOSTILE, few, hostile, many, outcome, row, usual
from tests.reports.test_sweep import Read


def drawn(facts, folder):
    return draw_automl(facts, folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def usual_page(tmp_path_factory):
    return drawn(usual(), tmp_path_factory.mktemp("automl"))


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(page, "library", lambda: "")


def test_the_page_says_all_that_the_outcome_has(usual_page):
    read = Read(usual_page)
    text = " ".join(read.texts)
    assert "99.62% accuracy with VotingEnsemble" in text
    for told in ("99.62% ± 0.16", "54,000", "1.9 ms", "9.1 MB", "vote-7", "not among the promising third"):
        assert told in text
    assert "The classes are not balanced" in text
    assert "xgboost: blocked by the settings" in text
    assert "blocked_training_algorithms" in text
    assert set(read.charts) == {"history", "latency"}
    rows = re.findall(r'<tr class="([a-z-]+)(?: best)?">', usual_page)
    assert rows == [one["state"] for one in usual()["leaderboard"]]


def test_the_page_holds_all_it_needs(usual_page):
    read = Read(usual_page)
    assert "vegaEmbed=" in usual_page
    assert not [attrs for _, attrs in read.tags if "src" in attrs or "href" in attrs]
    policy = next(attrs["content"] for _, attrs in read.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_what_was_chosen_by_its_own_score_is_said_to_be(usual_page):
    assert usual_page.count("chosen on the images that it is scored on") == 1
    assert "which flatters it a little" in usual_page
    assert "scored on validation" in usual_page


def test_members_have_weights_in_a_vote_and_none_in_a_stack(usual_page):
    voting, stack = re.findall(r"<h3>.*?</table>", usual_page, re.DOTALL)
    assert re.findall(r'data-label="weight" data-value="([\d.]+)"', voting) == ["0.75", "0.25"]
    assert "weight" not in stack
    assert "No score of its own" in stack
    assert stack.count('class="name"') == 2


def test_what_is_missing_is_shown_as_missing(tmp_path, without_library):
    text = drawn(few(), tmp_path)
    read = Read(text)
    assert not read.charts
    assert "No score was recorded with its time." in read.texts
    assert "No candidate has both a score and a measured latency." in read.texts
    assert "None was made." in read.texts
    assert "0.9 AUC_weighted with LogisticRegression" in read.texts
    assert re.findall(r'data-label="latency">([^<]*)<', text) == ["–"] * 3
    assert "nan" not in text.lower().replace("nano", "")


def test_no_text_of_the_users_becomes_html_and_no_nan_reaches_a_chart(tmp_path, without_library):
    read = Read(drawn(hostile(), tmp_path))
    assert not [tag for tag, _ in read.tags if tag == "img"]
    assert not [text for _, text in read.scripts if text.strip() == "alert(1)"]
    assert sum(HOSTILE in text for text in read.texts) > 8
    assert [one["place"] for one in read.charts["latency"]["datasets"]["candidates"]] == [1, 3]
    assert all(one["error"] > 0 for one in read.charts["latency"]["datasets"]["candidates"])
    assert len(read.charts["history"]["datasets"]["scores"]) == 1


def test_sixty_candidates_have_sixty_rows(tmp_path, without_library):
    text = drawn(many(), tmp_path)
    assert len(re.findall(r'data-label="#"', text)) == 60
    assert len(Read(text).charts["latency"]["datasets"]["candidates"]) == 30


def test_the_best_so_far_only_rises_and_lasts_to_the_end_of_the_search():
    scores = [(5, "b", 0.8), (1, "a", 0.7), (3, "a", 0.6), (4, "a", None), (9, "b", 0.8)]
    history = [dict(zip(("at_s", "candidate", "score"), one, strict=True)) for one in scores]
    facts = outcome([row("a"), row("b", "B")], history=history)
    assert [(one["at_s"], one["score"], one["name"]) for one in improvements(facts)] == [(1, 0.7, "a"), (5, 0.8, "B")]
    _, rows = history_chart(facts)
    assert [one["at_s"] for one in rows["best"]] == [1, 5, 291.4]
    assert len(rows["scores"]) == 4
    json.dumps(rows, allow_nan=False)


def test_the_front_has_what_no_other_beats_in_score_and_latency():
    rows = [
        row("slow-best", score=0.99, latency_ms=3.0),
        row("beaten", score=0.98, latency_ms=3.0),
        row("fast", score=0.95, latency_ms=0.1),
        row("same", score=0.95, latency_ms=0.1),
        row("slower", score=0.95, latency_ms=0.2),
        row("unknown", score=0.999),
    ]
    found = {one["name"]: one["front"] for one in measured(outcome(rows))}
    assert found == {"slow-best": True, "beaten": False, "fast": True, "same": True, "slower": False}
    assert [one["place"] for one in front_list(outcome(rows))] == ["3", "4", "1"]


def test_only_a_perfect_score_reads_as_one():
    assert score_text("accuracy", 0.99999) == "99.9990%"
    assert score_text("accuracy", 1.0) == "100.00%"
    assert score_text("AUC_weighted", 0.9999999) == "0.9999999"
    assert score_text("accuracy", float("nan")) == "–"
    assert uncertain("accuracy", {"score": 0.9, "low": 0.89, "high": 0.92}) == "90.00% ± 1.50"
    assert uncertain("AUC_weighted", {"score": 0.9, "low": None, "high": None}) == "0.9"
    assert 0 < error_of(1.0, [0.0, 0.004]) == pytest.approx(0.002)
