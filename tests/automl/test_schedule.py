"""What is fitted next follows from shapes, counts, scores and time alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pigeonhole import models
from pigeonhole.automl import classical
from pigeonhole.automl.candidates import Candidate, estimators
from pigeonhole.automl.classical import next_estimator
from pigeonhole.automl.facts import Facts
from pigeonhole.automl.fits import ALL, Fit, Tried, fold
from pigeonhole.automl.networks import next_network
from pigeonhole.automl.schedule import propose
from pigeonhole.core.errors import SpecError
from pigeonhole.models.costs import Cost
from pigeonhole.workflows.automl.search import limits_of
from tests.automl.searching import ESTIMATORS, FACTS, SECONDS, declared, ended, estimator, plan, situation


def _run(tried: list[Tried], key: str, images: int, score: float, kind: str = "estimator", **known: object) -> Tried:
    fit = Fit(Candidate(key, key.partition("#")[0], kind, key), images)  # type: ignore[arg-type]
    tried.append(ended(fit, len(tried) + 1, score, **known))
    return tried[-1]


def test_samples_grow_by_five_and_end_with_all_images():
    assert FACTS.rungs == (2_000, 10_000, 50_000)
    assert replace(FACTS, train_images=60).rungs == (60,)
    assert replace(FACTS, train_images=50_000, classes=200).rungs == (10_000, 50_000)


def test_the_cheapest_estimator_on_the_smallest_sample_comes_first():
    fit = propose(situation())
    assert fit is not None
    assert (fit.candidate.key, fit.images) == ("logistic-regression", 2_000)


def test_a_network_and_estimators_go_side_by_side():
    first = Tried(Fit(estimator("logistic-regression"), 2_000), 1)
    fit = propose(situation([first]))
    assert fit is not None
    assert fit.candidate.kind == "network"
    network = Tried(fit, 2)
    other = propose(situation([replace(first, state="ok", score=0.9), network]))
    assert other is not None
    assert (other.candidate.key, other.images) == ("knn", 2_000)


def test_estimators_are_tried_cheap_first_and_the_best_third_goes_on():
    of = plan(networks={})
    tried: list[Tried] = []
    order = []
    scores = {"logistic-regression": 0.8, "knn": 0.95, "svm-rbf": 0.9, "xgboost": 0.85}
    for _ in range(6):
        fit = propose(situation(tried, of=of, budget_s=10_000, left_s=10_000))
        assert fit is not None
        order.append((fit.candidate.key, fit.images))
        tried.append(ended(fit, len(tried) + 1, scores[fit.candidate.key]))
    assert order[:4] == [("logistic-regression", 2_000), ("knn", 2_000), ("svm-rbf", 2_000), ("xgboost", 2_000)]
    assert order[4:] == [("knn", 10_000), ("knn", 50_000)]


def test_what_does_not_fit_into_the_time_is_not_begun():
    tried: list[Tried] = []
    _run(tried, "logistic-regression", 2_000, 0.8)
    for key in ("knn", "svm-rbf", "xgboost"):
        _run(tried, key, 2_000, 0.9)
    _run(tried, "svm-rbf", 10_000, 0.95)
    fit = propose(situation(tried, of=plan(networks={}), left_s=20))
    # 50,000 images would take svm-rbf 50 s and knn's 10,000 take 2 s.
    assert fit is not None
    assert (fit.candidate.key, fit.images) == ("knn", 10_000)


def test_a_slower_machine_than_declared_is_learnt_from_fits():
    tried: list[Tried] = []
    _run(tried, "cnn-fast", 50_000, 0.98, "network", seconds=10.0, fit_s=10.0)
    quick = next_network(situation(tried, left_s=230))
    assert quick is not None
    assert quick.candidate.preset == "cnn"
    assert "epochs" not in quick.candidate.settings
    tried[0] = replace(tried[0], seconds=80.0, fit_s=80.0)
    slow = next_network(situation(tried, left_s=230))
    assert slow is not None
    # 50 s were declared; now it takes some 370.
    assert slow.candidate.settings.get("epochs", 6) != 6


def test_the_last_network_gets_as_many_epochs_as_the_time_allows():
    tried: list[Tried] = []
    _run(tried, "cnn-fast", 50_000, 0.98, "network")
    _run(tried, "cnn", 50_000, 0.99, "network")
    few = next_network(situation(tried, left_s=40))
    many = next_network(situation(tried, left_s=120))
    assert few is not None
    assert many is not None
    assert few.candidate.key == many.candidate.key == "cnn#2"
    assert int(few.candidate.settings["epochs"]) < int(many.candidate.settings["epochs"])


def test_a_dear_network_that_did_worse_than_a_cheap_one_is_left():
    tried: list[Tried] = []
    _run(tried, "cnn-fast", 50_000, 0.99, "network")
    _run(tried, "cnn", 50_000, 0.95, "network")
    fit = next_network(situation(tried, left_s=300))
    assert fit is not None
    assert fit.candidate.preset == "cnn-fast"


def test_nothing_is_proposed_where_nothing_fits():
    tried: list[Tried] = []
    _run(tried, "logistic-regression", 2_000, 0.8)
    assert propose(situation(tried, left_s=0.01)) is None


def test_networks_get_what_estimators_may_not_take():
    tried: list[Tried] = []
    _run(tried, "logistic-regression", 2_000, 0.8, seconds=400.0)
    running = Tried(Fit(Candidate("cnn", "cnn", "network", "cnn"), 50_000), 2)
    fit = propose(situation([*tried, running], left_s=200))
    assert fit is not None
    assert fit.candidate.kind == "network"


def test_folds_are_all_fitted_and_then_a_model_of_all_images():
    of = plan([estimator("knn")], {}, replace(FACTS, folds=3, train_images=400))
    tried: list[Tried] = []
    parts = []
    while (fit := propose(situation(tried, of=of))) is not None and len(tried) < 5:
        parts.append(fit.part)
        tried.append(ended(fit, len(tried) + 1, 0.9))
    assert parts == [fold(1, 3), fold(2, 3), fold(3, 3), ALL]


def test_the_model_of_all_images_waits_for_the_last_fold():
    of = plan([estimator("knn")], {}, replace(FACTS, folds=2, train_images=400))
    first = ended(Fit(estimator("knn"), 400, fold(1, 2)), 1, 0.9)
    second = Tried(Fit(estimator("knn"), 400, fold(2, 2)), 2)
    assert propose(situation([first, second], of=of)) is None
    fit = propose(situation([first, replace(second, state="ok", score=0.8)], of=of))
    assert fit is not None
    assert fit.part == ALL


def test_a_candidate_whose_fold_failed_is_left():
    of = plan([estimator("knn")], {}, replace(FACTS, folds=2, train_images=400))
    failed = Tried(Fit(estimator("knn"), 400, fold(1, 2)), 1, "failed", reason="it broke")
    assert propose(situation([failed], of=of)) is None


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_every_estimator_has_its_turn_where_there_is_time(slots: int):
    of = plan(facts=replace(FACTS, slots=slots))
    tried: list[Tried] = []
    while len(tried) < 40 and (fit := propose(situation(tried, of=of, budget_s=2_000, left_s=2_000))) is not None:
        tried.append(ended(fit, len(tried) + 1, 0.9 if fit.candidate.kind == "network" else 0.8))
    assert {one.fit.candidate.key for one in tried} >= {candidate.key for candidate in ESTIMATORS}


def test_facts_hold_no_names():
    assert set(Facts.__dataclass_fields__) == {
        "train_images", "held_out_images", "shape_HWC", "classes", "folds", "slots"
    }  # fmt: skip


def test_every_variation_of_every_candidate_is_one_that_can_be_fitted():
    named = list(estimators(lambda preset: True, lambda preset, settings: preset, featurization=True))
    of = plan(named, {}, limits={preset: limits_of(preset) for preset in {one.preset for one in named}})
    for candidate in named:
        for varied in classical.varied(situation(of=of), candidate):
            models.resolve(varied.preset, varied.settings)


def test_settings_that_do_not_go_together_are_no_variation():
    def declared_(candidate: Candidate, images: int) -> Cost:
        if "pca_components" in candidate.settings:
            raise SpecError("pca_components without pca", "scaler=pca", "set it")
        return declared(candidate, images)

    logistic = estimator("logistic-regression")
    limits: dict[str, Any] = {"logistic-regression": {"pca_components": (1, 50, None), "C": (0.0, 1.0, None)}}
    of = replace(plan([logistic], {}), limits=limits, declared=declared_)
    tried: list[Tried] = []
    for images in FACTS.rungs:
        _run(tried, "logistic-regression", images, 0.9)
    fit = propose(situation(tried, of=of))
    assert fit is not None
    assert fit.candidate.settings == {"C": 2.0}


@pytest.mark.parametrize("state", ["failed", "not-applicable"])
def test_a_network_that_cannot_be_trained_is_not_proposed_under_further_names(state: str):
    tried: list[Tried] = []
    for preset in ("cnn-fast", "cnn"):
        fit = Fit(Candidate(preset, preset, "network", preset), FACTS.train_images)
        tried.append(Tried(fit, len(tried) + 1, state, reason="it broke"))
    assert next_network(situation(tried)) is None


def test_where_only_networks_may_be_tried_one_is_whatever_it_costs():
    fit = next_network(situation(left_s=0.05, of=plan([])))
    assert fit is not None
    assert (fit.candidate.settings, fit.images) == ({"epochs": 1}, FACTS.rungs[0])
    assert next_network(situation(left_s=0.05)) is None


def test_of_few_images_a_first_try_may_take_more_than_a_pilot_of_many():
    few, many = replace(FACTS, train_images=400), FACTS
    for facts, is_tried in ((few, True), (many, False)):
        of = plan([estimator("knn")], facts=facts)
        seconds = SECONDS["knn"] * facts.rungs[0]
        fit = next_estimator(situation(of=of, left_s=600.0, budget_s=0.5), 2 * seconds)
        assert (fit is not None) is is_tried


def test_a_first_try_has_its_turn_in_minutes_though_networks_do_far_better():
    tried: list[Tried] = []
    _run(tried, "logistic-regression", 2_000, 0.8, seconds=100.0)
    _run(tried, "cnn-fast", 50_000, 0.99, "network")
    for budget_s, is_tried in ((300.0, True), (30.0, False)):
        now = situation(tried, of=plan([estimator("xgboost")]), left_s=200.0, budget_s=budget_s)
        assert (next_estimator(now, -10.0) is not None) is is_tried
