from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from pigeonhole.reports import ParameterFigures, TrialFigures, page, style, sweep_report
from pigeonhole.reports.sweep import axes, curves, history, parallel, pareto, report, slices
from tests.reports.sweeps import HOSTILE, PARAMETERS, hostile, many_kinds, nested, several, sweep

KINDS = many_kinds()
# What each kind of sweep has no chart of, beside a Pareto front.
LACKING = {
    "single": {"parallel", "slices"},
    "empty": {"history", "curves", "parallel", "importance", "slices"},
    "all-failed": {"curves", "parallel", "importance", "slices"},
    "running": {"curves", "parallel", "importance", "slices"},
    "nested": {"curves", "importance"},
    "wide": {"curves"},
    "two-objectives": {"curves"},
    "three-objectives": {"curves"},
    "hostile": {"curves"},
}


# Those that are rare; the others are drawn by `make test-all`.
RARE = ("single", "empty", "all-failed", "running", "nested", "two-objectives", "hostile")
EVERY = [kind if kind in RARE else pytest.param(kind, marks=pytest.mark.full) for kind in KINDS]


class Read(HTMLParser):
    """The elements, the texts outside of scripts, and the charts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.scripts, self._script = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._script = dict(attrs) if tag == "script" else None

    def handle_data(self, data):
        if self._script is None:
            self.texts.append(data)
        else:
            self.scripts.append((self._script, data))

    def handle_endtag(self, tag):
        self._script = None

    @property
    def charts(self):
        return {attrs["id"]: json.loads(text) for attrs, text in self.scripts if "id" in attrs}


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_of_every_sweep_is_of_a_size_to_look_at(kind, tmp_path):
    for picture in sweep_report(KINDS[kind], tmp_path)[1:]:
        width, height = Image.open(picture).size
        assert 300 < width < 2600
        assert 100 < height < 3000


@pytest.fixture
def without_library(monkeypatch):
    """Pages without the drawing library, which takes a second to put together."""
    monkeypatch.setattr(page, "library", lambda: "")


@pytest.mark.parametrize("kind", EVERY)
def test_any_sweep_makes_a_page_of_whatever_can_be_drawn(kind, tmp_path, without_library):
    figures = KINDS[kind]
    assert sweep_report(figures, tmp_path, pictures=False) == [tmp_path / "sweep.html"]
    read = Read((tmp_path / "sweep.html").read_text(encoding="utf-8"))
    expected = set(report._CHARTS) - LACKING.get(kind, set())
    if len(figures.metrics) == 1:
        expected -= {"pareto"}
    assert set(read.charts) == expected
    assert [attrs["data-chart"] for _, attrs in read.tags if "data-chart" in attrs] == list(read.charts)
    rows = [tag for tag, _ in read.tags if tag == "tr"]
    assert len(rows) == 1 + len(figures.trials)


def test_the_pictures_are_drawn_beside_the_page_which_holds_all_it_needs(tmp_path):
    (tmp_path / "pareto.png").write_bytes(b"of an earlier report")
    files = sweep_report(sweep(3), tmp_path)
    assert [file.name for file in files] == [
        "sweep.html", "history.png", "curves.png", "parallel.png", "importance.png", "slices.png",
    ]  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {file.name for file in files}
    for picture in files[1:]:
        width, height = Image.open(picture).size
        assert 400 < width < 2600
        assert 100 < height < 1400
    text = files[0].read_text(encoding="utf-8")
    read = Read(text)
    assert "vegaEmbed=" in text
    assert not [attrs for _, attrs in read.tags if "src" in attrs or "href" in attrs]
    policy = next(attrs["content"] for _, attrs in read.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_no_text_of_the_users_becomes_html(tmp_path, without_library):
    sweep_report(hostile(), tmp_path, pictures=False)
    read = Read((tmp_path / "sweep.html").read_text(encoding="utf-8"))
    assert not [tag for tag, _ in read.tags if tag == "img"]
    assert not [text for _, text in read.scripts if text.strip() == "alert(1)"]
    assert sum(HOSTILE in text for text in read.texts) > 8
    assert HOSTILE in json.dumps(read.charts["importance"]["datasets"], ensure_ascii=False).replace('\\"', '"')


def test_values_that_are_no_numbers_are_left_out_of_charts_and_seen_in_the_table(tmp_path, without_library):
    trials = [
        TrialFigures(0, "Completed", {"dropout": 0.1}, [0.5], [0.4, float("nan"), 0.5]),
        TrialFigures(1, "Failed", {"dropout": 0.2}, [float("nan")], [float("inf"), float("nan")], "the loss is NaN"),
    ]
    figures = sweep(trials=trials, parameters=PARAMETERS[1:2], best=0)
    sweep_report(figures, tmp_path, pictures=False)
    read = Read((tmp_path / "sweep.html").read_text(encoding="utf-8"))
    values = [row["value"] for row in read.charts["curves"]["datasets"]["curves"]]
    assert values == [0.4, None, 0.5, None, None]
    assert [row["trial"] for row in read.charts["history"]["datasets"]["without"]] == [1]
    assert "the loss is NaN" in read.texts


def test_history_shows_the_best_so_far_in_the_direction_of_the_goal():
    values = [0.5, 0.7, 0.6, 0.4, 0.8]
    trials = [TrialFigures(n, "Completed", {"dropout": n / 10}, [value]) for n, value in enumerate(values)]
    for goal, best in (("maximize", [0.5, 0.7, 0.7, 0.7, 0.8]), ("minimize", [0.5, 0.5, 0.5, 0.4, 0.4])):
        _, rows = history.history_chart(sweep(trials=trials, metrics=["loss"], goals=[goal]))
        assert [row["value"] for row in rows["steps"]] == best


def test_one_value_far_off_flattens_no_axis_and_is_told():
    figures = KINDS["far"]
    chart, rows = history.history_chart(figures)
    domain = next(
        layer["encoding"]["y"]["scale"]["domain"]
        for layer in chart.to_dict()["layer"]
        if layer["encoding"]["y"].get("scale")
    )
    assert domain[0] > 0.8
    assert min(row["value"] for row in rows["history"]) == -1e9
    assert "1 value far worse than the rest" in " ".join(chart.to_dict()["title"]["subtitle"])


def test_stopped_trials_are_marked_where_they_stopped_with_the_reason():
    figures = sweep()
    chart, rows = curves.curves_chart(figures)
    stopped = {trial.number: trial for trial in figures.trials if trial.state == "Terminated"}
    marks = {row["trial"]: row for row in rows["ends"] if row["state"] == "Terminated"}
    assert stopped
    assert set(marks) == set(stopped)
    assert all(marks[number]["interval"] == len(trial.reports) for number, trial in stopped.items())
    assert all(marks[number]["reason"] == trial.reason for number, trial in stopped.items())
    title = chart.to_dict()["title"]
    assert title["text"] == f"{len(stopped)} of 24 trials were stopped early, which saved about 84 s"


def test_only_parameters_that_differ_have_an_axis_and_a_lacking_one_goes_below():
    same = ParameterFigures("epochs")
    figures = sweep(4)
    trials = [TrialFigures(t.number, t.state, {**t.values, "epochs": 5}, t.objectives) for t in figures.trials]
    found = axes.differing(sweep(trials=trials, parameters=[*PARAMETERS, same]))
    assert "epochs" not in {axis.name for axis in found}
    _, rows = parallel.parallel_chart(nested())
    unused = [row for row in rows["lines"] if row["text"] == "not used"]
    assert {row["parameter"] for row in unused} == {"gamma", "trees"}
    assert all(row["place"] < 0 for row in unused)


@pytest.mark.parametrize(
    ("parameter", "values", "kind", "places"),
    [
        (ParameterFigures("a", "log"), [0.001, 0.01, 0.1], "log", [0, 0.5, 1]),
        (ParameterFigures("a", "log"), [0.0, 0.5, 1.0], "linear", [0, 0.5, 1]),
        (ParameterFigures("a"), [1, 2, 5], "linear", [0, 0.25, 1]),
        (ParameterFigures("a", "category"), [128, 32, 64], "category", [1, 0, 0.5]),
        (ParameterFigures("a"), [True, False, None], "category", [1, 0, 0.5]),
        (ParameterFigures("a", "category"), [10, "ten", {"b": 1}], "category", [0, 0.5, 1]),
    ],
)
def test_a_parameter_gets_the_axis_of_its_distribution(parameter, values, kind, places):
    trials = [TrialFigures(n, "Completed", {"a": value}, [0.5]) for n, value in enumerate(values)]
    (axis,) = axes.differing(sweep(trials=trials, parameters=[parameter]))
    assert axis.kind == kind
    if parameter.name == "a" and None not in values and not any(isinstance(value, dict) for value in values):
        assert [axis.place(value) for value in values] == pytest.approx(places)
    x = slices.slices_chart(sweep(trials=trials, parameters=[parameter]))[0].to_dict()["concat"][0]["layer"][1]
    scale = x["encoding"]["x"]["scale"]
    assert scale.get("type", "category") == kind


def test_the_front_is_a_line_for_two_objectives_and_a_chart_a_pair_for_three():
    chart, rows = pareto.pareto_chart(several())
    assert sum(row["front"] for row in rows["objectives"]) == len(several().pareto)
    assert "better" in json.dumps(chart.to_dict(), ensure_ascii=False)
    chart, _ = pareto.pareto_chart(KINDS["three-objectives"])
    assert len(chart.to_dict()["concat"]) == 3
    assert pareto.pareto_chart(sweep()) is None


def test_the_table_can_be_sorted_by_plain_values(tmp_path, without_library):
    sweep_report(sweep(), tmp_path, pictures=False)
    text = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    best = re.search(r'<tr class="completed best">(.*?)</tr>', text).group(1)
    assert best.count("data-value=") == 6  # trial, metric, three numbers, seconds
    assert re.search(r'data-value="0\.9\d+">9\d\.\d\d%<', best)


def test_a_thousand_trials_are_drawn_with_few_enough_points_to_turn_in_the_hand():
    many = KINDS["thousand"]
    trials = [TrialFigures(t.number, t.state, t.values, t.objectives, list(t.reports) * 20) for t in many.trials]
    _, rows = curves.curves_chart(sweep(0, trials=trials))
    assert len(rows["curves"]) < 25_000
    ends = {trial.number: len(trial.reports) for trial in trials if trial.reports}
    last = {row["trial"]: row["interval"] for row in rows["curves"]}
    assert last == ends


def test_the_pictures_and_the_page_are_of_one_look():
    chart, rows = history.history_chart(sweep(3))
    assert style.specification(chart, rows)["config"] == style.specification(chart)["config"]
