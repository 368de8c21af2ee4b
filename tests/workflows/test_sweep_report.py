"""What a sweep's report is drawn from; the charts have tests of their own."""

from __future__ import annotations

from pigeonhole.sweep.spec import read_sweep
from pigeonhole.sweep.study import Stored
from pigeonhole.sweep.trial import Trial
from pigeonhole.workflows.sweep_report import draw_sweep, sweep_figures

SPEC = {
    "type": "sweep",
    "trial": {"command": "true ${{search_space.lr}} ${{search_space.model}} ${{search_space.batch}}"},
    "search_space": {
        "lr": {"type": "loguniform", "min_value": -6, "max_value": -1},
        "batch": {"type": "choice", "values": [32, 64]},
        "model": {
            "type": "choice",
            "values": [
                {"kind": "svm", "gamma": {"type": "loguniform", "min_value": -3, "max_value": 0}},
                {"kind": "forest", "trees": {"type": "randint", "upper": 50}},
            ],
        },
    },
    "sampling_algorithm": {"type": "random", "seed": 3},
    "objective": {"goal": "maximize", "primary_metric": "accuracy"},
    "limits": {"max_total_trials": 12},
    "early_termination": {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 1},
}


def stored(number, state="Completed", **changes):
    model = {"kind": "svm", "gamma": 0.1 * number + 0.1} if number % 2 else {"kind": "forest", "trees": number}
    values = {"lr": 0.01 * (number + 1), "batch": 32 if number < 6 else 64, "model": model}
    value = 0.5 + number / 100
    objectives = None if state in ("Failed", "Running") else [value]
    return Stored(Trial(number, values, state, [value / 2, value], objectives, **changes), f"run-{number}", 2.0)


def figures(trials, **changes):
    return sweep_figures(read_sweep({**SPEC, **changes}), "tried", trials, {"dataset": "digits:1"})


def test_parameters_of_nested_spaces_are_parameters_with_the_axis_of_their_distribution():
    told = figures([stored(n) for n in range(12)])
    assert [(one.name, one.kind) for one in told.parameters] == [
        ("lr", "log"),
        ("batch", "category"),
        ("model.kind", "category"),
        ("model.gamma", "log"),
        ("model.trees", "linear"),
    ]
    assert told.trials[1].values == {"lr": 0.02, "batch": 32, "model.kind": "svm", "model.gamma": 0.2}
    assert told.best == 11
    assert set(told.importance) == {one.name for one in told.parameters}
    assert told.importance_note == "PED-ANOVA over 12 trials"
    assert told.facts["dataset"] == "digits:1"
    assert told.facts["sampling_algorithm"].startswith("random (seed 3")
    assert "slack_factor 0.1" in told.facts["early_termination"]


def test_a_failed_trial_shows_the_end_of_what_it_said(tmp_path):
    failed = Stored(Trial(0, {"lr": 1}, "Failed", reason="exit code 1"), None, 1.0, traceback="Traceback\nboom")
    told = figures([failed])
    assert told.trials[0].reason == "exit code 1\nTraceback\nboom"
    assert (told.best, told.importance) == (None, None)
    page = draw_sweep(read_sweep(SPEC), "tried", [failed], tmp_path)
    assert page == tmp_path / "report" / "sweep.html"
    assert "boom" in page.read_text(encoding="utf-8")


def test_several_objectives_have_a_front_and_no_best():
    both = [{"goal": "maximize", "primary_metric": "accuracy"}, {"goal": "minimize", "primary_metric": "seconds"}]
    values = [(0.9, 3.0), (0.8, 1.0), (0.7, 2.0)]
    trials = [Stored(Trial(n, {"lr": 0.1 * n}, "Completed", [a], [a, s])) for n, (a, s) in enumerate(values)]
    told = figures(trials, objective=both, early_termination=None)
    assert (told.pareto, told.best) == ((0, 1), None)
