from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from pigeonhole import evaluation, reports
from pigeonhole.reports import style


@pytest.fixture
def drawn(monkeypatch):
    """The charts that are saved, as Vega-Lite, beside the real files."""
    charts = {}
    save = style.save

    def keep(chart, path, **options):
        charts[path.name] = {**chart.to_dict(), "given": options.get("datasets")}
        return save(chart, path, **options)

    monkeypatch.setattr(style, "save", keep)
    return charts


def figures(k=10, n=600, skill=3.0, seed=0, groups=None, names=None):
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, k, n)
    logits_NK = rng.normal(size=(n, k)) + skill * np.eye(k)[labels_N]
    powers_NK = np.exp(logits_NK)
    probs_NK = powers_NK / powers_NK.sum(axis=1, keepdims=True)
    groups_N = None if groups is None else rng.integers(0, groups, n)
    names = names or [f"class {i}" for i in range(k)]
    return evaluation.evaluate(labels_N, probs_NK, names, groups_N).to_dict()


def history(n=6, planned=6, **changes):
    return [
        {
            "epoch": epoch,
            "epochs": planned,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.1 / epoch,
            "validation_loss": 1.1 / epoch,
            "validation_accuracy": 1 - 0.12 / epoch,
            "best": epoch <= 4,
            **changes,
        }
        for epoch in range(1, n + 1)
    ]


def everywhere(node, key):
    """Every value under `key`, anywhere in a chart."""
    if isinstance(node, dict):
        found = [node[key]] if key in node else []
        return found + [value for inner in node.values() for value in everywhere(inner, key)]
    if isinstance(node, list):
        return [value for inner in node for value in everywhere(inner, key)]
    return []


@pytest.mark.parametrize("k", [2, 3, 10, 40, 100])
def test_confusion_of_any_number_of_classes_is_wide_enough_to_read_and_no_wider_than_a_page(tmp_path, k):
    files = reports.confusion_charts(figures(k), tmp_path)
    assert [file.name for file in files] == ["confusion-counts.png", "confusion-errors.png"]
    for file in files:
        width, height = Image.open(file).size
        assert 400 < width < 2000
        assert 300 < height < 2000


def test_both_confusion_axes_are_labelled_and_the_true_class_is_in_rows(tmp_path, drawn):
    reports.confusion_charts(figures(), tmp_path)
    assert len(drawn) == 2
    for chart in drawn.values():
        rects = [layer for layer in chart["layer"] if layer["mark"]["type"] == "rect"]
        assert rects
        for layer in rects:
            assert layer["encoding"]["y"]["field"] == "true"
            assert layer["encoding"]["y"]["title"] == "true class"
            assert layer["encoding"]["x"]["field"] == "predicted"
            assert layer["encoding"]["x"]["title"] == "predicted class"


def test_the_diagonal_has_no_part_in_the_colours_of_the_error_rates(tmp_path, drawn):
    told = figures(skill=5)
    matrix = np.array(told["confusion_matrix"]["data"]["matrix"])
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    reports.confusion_charts(told, tmp_path)
    coloured = [
        layer
        for layer in drawn["confusion-errors.png"]["layer"]
        if layer["encoding"].get("color", {}).get("field") == "share"
    ]
    assert len(coloured) == 1
    assert coloured[0]["transform"] == [{"filter": "!datum.right"}]
    assert coloured[0]["encoding"]["color"]["scale"]["domain"] == pytest.approx([0, shares.max()])


def test_the_title_of_the_error_rates_names_the_worst_mix_up(tmp_path, drawn):
    told = evaluation.evaluate(
        np.array([0] * 50 + [1] * 50), np.eye(2)[[1] * 4 + [0] * 46 + [1] * 50], ["cat", "dog"]
    ).to_dict()
    reports.confusion_charts(told, tmp_path)
    assert "cat for dog, 4 of 50 images (8.0%)" in drawn["confusion-errors.png"]["title"]["text"]
    assert "96 of 100 right" in drawn["confusion-counts.png"]["title"]["text"]


def test_a_model_without_mistakes_is_drawn_too(tmp_path, drawn):
    told = evaluation.evaluate(np.array([0, 1, 2]), np.eye(3), ["a", "b", "c"], [1, 1, 2]).to_dict()
    reports.confusion_charts(told, tmp_path)
    reports.calibration_chart(told, tmp_path)
    reports.group_accuracy(told, tmp_path)
    assert drawn["confusion-errors.png"]["title"]["text"] == "Not one mistake"
    assert drawn["groups.png"]["title"]["text"].startswith("None of 2")


def test_a_model_without_a_right_answer_and_a_class_without_images_are_drawn_too(tmp_path):
    told = evaluation.evaluate(np.array([0, 0, 1]), np.eye(3)[[1, 1, 0]], ["a", "b", "c"], [1, 1, 2]).to_dict()
    assert reports.confusion_charts(told, tmp_path)
    assert reports.calibration_chart(told, tmp_path)
    assert reports.group_accuracy(told, tmp_path)


def test_curves_show_training_and_validation_and_mark_the_best_epoch(tmp_path, drawn):
    assert reports.training_curves(history(), tmp_path) == [tmp_path / "training.png"]
    chart = drawn["training.png"]
    rows = [row for values in everywhere(chart, "values") for row in values if isinstance(row, dict)]
    sets = {row["set"] for row in rows if "set" in row}
    assert sets == {"training", "validation"}
    assert {"loss (nats)", "accuracy", "epoch"} <= set(map(str, everywhere(chart, "title")))
    marks = [row for row in rows if "text" in row]
    assert {mark["text"] for mark in marks} == {"best: epoch 4"}
    assert "97.00% at epoch 4" in chart["title"]["text"]


def test_early_stopping_is_said(tmp_path, drawn):
    reports.training_curves(history(n=5, planned=20), tmp_path)
    assert drawn["training.png"]["title"]["subtitle"] == ["Training over 5 of 20 epochs, then stopped"]


@pytest.mark.parametrize(
    "changes", [{"validation_loss": None, "validation_accuracy": None}, {"train_accuracy": None}, {"best": False}]
)
def test_curves_are_drawn_of_what_there_is(tmp_path, changes):
    assert reports.training_curves(history(**changes), tmp_path)


def test_one_epoch_is_a_chart_and_none_is_no_chart(tmp_path):
    assert reports.training_curves(history(n=1, planned=1), tmp_path)
    assert reports.training_curves([], tmp_path) == []
    assert reports.training_curves([{"epoch": 1, "train_loss": None}], tmp_path) == []


def test_groups_by_name_and_by_rank(tmp_path, drawn):
    reports.group_accuracy(figures(groups=5), tmp_path, group_name="writer")
    assert "writers" in drawn["groups.png"]["title"]["text"]
    by_name = everywhere(drawn["groups.png"], "height")
    reports.group_accuracy(figures(groups=200), tmp_path, group_name="writer")
    assert everywhere(drawn["groups.png"], "height") != by_name
    assert "by luck alone" in drawn["groups.png"]["title"]["subtitle"][0]
    assert Image.open(tmp_path / "groups.png").size[1] < 1200


def test_no_groups_is_no_chart(tmp_path):
    assert reports.group_accuracy(figures(), tmp_path) == []


def test_runs_side_by_side(tmp_path, drawn):
    rows = [
        {"name": "cnn-1", "accuracy": {"value": 0.99, "low": 0.985, "high": 0.993}, "seconds": 40.0, "latency_ms": 0.2},
        {"name": "lr-1", "accuracy": {"value": 0.92, "low": 0.91, "high": 0.93}, "p_value": 1e-9, "n_parameters": 7850},
        {"name": "unfinished-1", "accuracy": None},
    ]
    assert reports.comparison_chart(rows, tmp_path) == [tmp_path / "comparison.png"]
    chart = drawn["comparison.png"]
    assert chart["title"]["text"] == "cnn-1 leads with 99.00% on test"
    assert chart["title"]["subtitle"] == [
        "Paired p: McNemar's exact test against cnn-1 on the same images.",
        "1 run without an evaluation left out.",
    ]
    values = next(values for values in everywhere(chart, "values") if isinstance(values[0], dict))
    assert [value["name"] for value in values] == ["cnn-1", "lr-1"]
    assert values[1]["p_value"] == "< 0.001"
    assert values[1]["n_parameters"] == "7.85 k"
    headings = [column["title"]["text"] for column in chart["hconcat"][1:]]
    assert headings == ["paired p", "training", "parameters", "latency"]
    assert reports.comparison_chart(rows[2:], tmp_path) == []


def test_class_names_of_any_kind(tmp_path):
    names = ['"quoted"', "<b>&amp;</b>", "Größe ½", "a.b[0]", "x" * 80, " ", "12", "null", "true", "日本"]
    told = figures(names=names)
    assert reports.confusion_charts(told, tmp_path)


def test_html_works_offline(tmp_path):
    png, page = reports.training_curves(history(), tmp_path, html=True)
    text = page.read_text(encoding="utf-8")
    assert png.suffix == ".png"
    assert "epoch" in text
    assert '<script src="http' not in text
    assert "<link" not in text.split("<script", 1)[0]


def test_colours_are_told_apart_in_grey_as_well():
    def luminance(colour):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    used = [style.BLUE, style.ORANGE]
    assert all(abs(luminance(a) - luminance(b)) > 15 for a, b in itertools.combinations(used, 2))
