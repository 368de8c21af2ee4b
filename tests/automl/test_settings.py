"""What a user wants of a search: Azure ML's names, SDK v1's, ours; and everything that is wrong, at once."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from pigeonhole.automl.settings import AutomlSettings, from_command, read_automl
from pigeonhole.automl.settings.algorithms import known_names, networks, presets_of
from pigeonhole.automl.settings.durations import seconds_of, shown
from pigeonhole.automl.settings.names import MOVED, OTHERS
from pigeonhole.automl.settings.plain import METRICS
from pigeonhole.automl.settings.schema import FILE, json_schema
from pigeonhole.core.errors import SpecError
from pigeonhole.models import presets

AZURE = """
$schema: https://azuremlschemas.azureedge.net/latest/autoMLClassificationJob.schema.json
type: automl
task: classification
experiment_name: mnist-automl
compute: azureml:cpu-cluster
primary_metric: auc_weighted
target_column_name: label
training_data: {type: mltable, path: "azureml:mnist-table:1"}
n_cross_validations: 5
limits: {timeout_minutes: 60, trial_timeout_minutes: 10, max_trials: 50, max_concurrent_trials: 10}
featurization: {mode: off}
training:
  allowed_training_algorithms: [SVM, light_gbm]
  enable_stack_ensemble: false
"""


def search(**parts: Any) -> AutomlSettings:
    return read_automl({"type": "automl", **parts})


def refused(*arguments: Any, **words: Any) -> str:
    with pytest.raises(SpecError) as error:
        from_command(*arguments, **words)
    return error.value.received


def test_a_job_of_azures_means_what_it_says(tmp_path):
    (tmp_path / "job.yml").write_text(AZURE)
    found = read_automl("job.yml", tmp_path)
    assert (found.dataset, found.name, found.primary_metric, found.folds) == ("mnist-table:1", "job", "AUC_weighted", 5)
    assert (found.budget_s, found.trial_timeout_s, found.max_trials, found.concurrent) == (3600, 600, 50, 10)
    assert found.allowed == {"svm-rbf", "lightgbm"}
    assert (found.featurization, found.vote, found.stack) == (False, True, False)
    assert [note.split(":")[0] for note in found.notes] == ["compute", "target_column_name", "training_data"]


def test_sdk_v1s_names_are_understood_and_explained():
    found = search(
        experiment_timeout_hours=0.5,
        iteration_timeout_minutes=2,
        iterations=40,
        max_concurrent_iterations=3,
        enable_early_stopping=False,
        experiment_exit_score=0.99,
        whitelist_models=["LogisticRegression", "KNN"],
        blacklist_models=["KNN"],
        enable_voting_ensemble=False,
        enable_stack_ensemble=False,
        validation_size=0.2,
        featurization="off",
    )
    assert (found.budget_s, found.trial_timeout_s, found.max_trials, found.concurrent) == (1800, 120, 40, 3)
    assert (found.early_termination, found.exit_score, found.vote, found.stack) == (False, 0.99, False, False)
    assert (found.allowed, found.blocked) == ({"logistic-regression", "knn"}, {"knn"})
    assert not found.featurization
    assert "iterations is SDK v1's name for limits.max_trials" in found.notes
    assert any(note.startswith("validation_size: the dataset's own validation split") for note in found.notes)


@pytest.mark.parametrize("name", sorted(MOVED))
def test_a_moved_name_and_its_place_are_not_both_taken(name):
    section, *rest = MOVED[name].place
    value = {rest[-1]: 1} if rest else 1
    for key in reversed(rest[:-1]):
        value = {key: value}
    with pytest.raises(SpecError, match=f"{name}: .*which is given too"):
        search(**{name: 1, section: value})


@pytest.mark.parametrize("place", sorted(OTHERS), ids=".".join)
def test_what_azure_has_and_this_place_has_not_is_explained_or_refused(place):
    *sections, name = place
    parts: dict[str, Any] = {name: "x"}
    for section in reversed(sections):
        parts = {section: parts}
    if OTHERS[place].refused:
        with pytest.raises(SpecError, match=f"{name}: "):
            search(**parts)
    else:
        assert any(note.startswith(f"{'.'.join(place)}: ") for note in search(**parts).notes)


def test_every_problem_is_told_at_once_with_its_line(tmp_path):
    (tmp_path / "wrong.yml").write_text(
        "type: automl\ntraining_data: ./folder\nprimary_metric: acuracy\nexperiment_timeout_minutes: 0\n"
        "limits: {trial_timout_minutes: 4, exit_score: 99.4}\nallowed_models: [LightGBMM, TensorFlowDNN]\n"
        "n_cross_validations: 1\nfeaturization: custom\n"
    )
    said = refused(tmp_path / "wrong.yml", budget="soon")
    for told in (
        "10 problems",
        "budget: seconds, or a duration",
        "line 2: training_data: './folder' is no dataset",
        "line 3: primary_metric",
        "(did you mean 'accuracy'?)",
        "line 4: limits.timeout_minutes",
        "line 5: limits.trial_timout_minutes: unknown key (did you mean 'trial_timeout_minutes'?)",
        "line 5: limits.exit_score: a share from 0 to 1",
        "line 6: training.allowed_training_algorithms.0: no algorithm has this name (did you mean 'LightGBM'?)",
        "line 6: training.allowed_training_algorithms.1: no algorithm here; networks",
        "line 7: n_cross_validations: a whole number from 2",
    ):
        assert told in said, told


def test_the_command_line_goes_before_the_file(tmp_path):
    (tmp_path / "job.yml").write_text(AZURE)
    words = {"budget": "90s", "metric": "accuracy", "folds": "3", "allow": ["networks,KNN"], "block": "cnn", "seed": 7}
    found = from_command(tmp_path / "job.yml", **words, settings=["choose.max_size_mb=2", "limits.max_trials=9"])
    assert (found.budget_s, found.primary_metric, found.folds, found.seed) == (90, "accuracy", 3, 7)
    assert found.allowed == networks() | {"knn"}
    assert found.blocked == {"cnn"}
    assert (found.max_size_bytes, found.max_trials, found.trial_timeout_s) == (2_000_000, 9, 600)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"budget": 0}, "budget: "),
        ({"budget": True}, "budget: "),
        ({"metric": "auc"}, "metric: "),
        ({"folds": "many"}, "folds: "),
        ({"allow": ["svn"]}, "allow.0: no algorithm has this name"),
        ({"block": "nothing"}, "block.0: no algorithm has this name"),
        ({"allow": "networks", "block": "networks"}, "leaves nothing"),
        ({"seed": -1}, "seed: "),
        ({"settings": ["limits.timeout=1h", "limits.timeout_minutes=60"]}, "keep one of the two"),
        ({"settings": ["choose.max_latency=1"]}, "did you mean 'max_latency_ms'?"),
        ({"settings": ["training.allowed_training_algorithms=[]"]}, "at least one name"),
        ({"settings": ["training.stack_ensemble_settings.stack_meta_learner_type=elastic_net"]}, "for regression"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_in_its_words(words, told):
    assert told in refused("digits", **words)


@pytest.mark.parametrize("text", ["just text\n", "[1]\n", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "no.yml").write_text(text)
    assert "a mapping is accepted" in refused(tmp_path / "no.yml")


def test_a_file_says_that_it_is_a_search(tmp_path):
    (tmp_path / "no.yml").write_text("type: sweep\n")
    assert "line 1: type: input should be 'automl', received 'sweep'" in refused(tmp_path / "no.yml")
    (tmp_path / "no.yml").write_text("dataset: digits\n")
    assert "type: field required" in refused(tmp_path / "no.yml")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(5, 5), (0.5, 0.5), ("90", 90), ("90s", 90), ("20m", 1200), ("1.5 h", 5400), ("PT20M", 1200), ("PT1H30S", 3630)],
)
def test_durations(written, seconds):
    assert seconds_of(written) == seconds
    assert seconds_of(shown(seconds)) == seconds


@pytest.mark.parametrize("written", [0, -1, True, None, "", "m", "PT", "1w", "20 minutes", float("nan"), float("inf")])
def test_what_is_no_duration(written):
    with pytest.raises(ValueError, match="is accepted"):
        seconds_of(written)


def test_both_spellings_of_every_metric():
    for name in METRICS:
        assert search(primary_metric=name).primary_metric == search(primary_metric=name.lower()).primary_metric == name


def test_every_known_algorithm_means_presets_that_are_there():
    for name in known_names():
        assert presets_of(name)
        assert presets_of(name) <= set(presets.names())
    assert presets_of("EXTREME_RANDOM_TREES") == {"extra-trees"}
    assert presets_of("networks") == {key for key in presets.names() if presets.get(key).kind == "network"}


def test_what_stands_in_for_another_is_not_blocked_by_its_name():
    found = search(blocked_models=["GradientBoosting", "TensorFlowDNN", "KNN"])
    assert found.blocked == {"knn"}
    assert sum("takes nothing out" in note for note in found.notes) == 2
    assert search(allowed_models=["GradientBoosting"]).allowed == {"lightgbm", "xgboost"}


def test_azures_least_is_said_and_not_followed():
    assert search(limits={"timeout_minutes": 5}).budget_s == 300
    assert any("Azure ML takes no less than 15" in note for note in search(limits={"timeout_minutes": 5}).notes)
    assert search(limits={"timeout": "5m"}).notes == []
    assert "no budget was given: 20m" in search().notes[0]


@pytest.mark.parametrize(("trials", "both"), [(3, False), (4, True)])
def test_too_few_trials_leave_no_room_for_ensembles(trials, both):
    found = search(limits={"timeout": 60, "max_trials": trials})
    assert (found.vote, found.stack) == (both, both)
    assert bool(found.notes) != both


@pytest.mark.parametrize(
    ("images", "rarest", "folds"), [(999, 90, 10), (1000, 90, 3), (19_999, 90, 3), (20_000, 90, None), (500, 9, None)]
)
def test_auto_folds_are_azures(images, rarest, folds):
    found = search(n_cross_validations="auto").for_images(images, rarest, validation=50)
    assert (found.folds, found.auto_folds) == (folds, False)
    assert f"for {images:,} images" in found.notes[-1]


def test_folds_that_the_images_do_not_allow():
    with pytest.raises(SpecError, match="the rarest class has 4"):
        search(n_cross_validations=5).for_images(100, 4, 10)
    with pytest.raises(SpecError, match="without a validation split"):
        search().for_images(100, 4, 0)
    assert search(n_cross_validations=4).for_images(100, 4, 0).folds == 4


def test_more_fits_at_a_time_than_cores_are_no_error_and_told_of():
    asked = search(limits={"max_concurrent_trials": 10})
    assert asked.for_cores(10) == asked
    assert search().for_cores(1) == search()
    assert asked.for_cores(2).notes[-1:] == [
        "max_concurrent_trials 10: 2 fits at a time, one for each core of this machine"
    ]


def test_a_larger_budget_and_another_choice_are_the_same_search():
    one = from_command("digits", budget="10s")
    same = [
        from_command("digits", budget="1h", settings=["limits.max_trials=40", "limits.exit_score=0.9"]),
        from_command("digits", settings=["choose.max_latency_ms=1", "name=x", "limits.trial_timeout=5"]),
        read_automl({"type": "automl", "primary_metric": "accuracy", "training": {"enable_vote_ensemble": True}}),
    ]
    others = [
        from_command("digits", **words)
        for words in ({"metric": "auc_weighted"}, {"folds": 3}, {"allow": "KNN"}, {"block": "KNN"}, {"seed": 1})
    ]
    assert {found.identity("a") for found in same} == {one.identity("a")}
    assert one.identity("a") not in {found.identity("a") for found in others} | {one.identity("b")}


def test_the_identity_hangs_on_no_order():
    assert search(allowed_models=["SVM", "KNN"]).identity("a") == search(allowed_models=["KNN", "SVM"]).identity("a")


def test_settings_are_kept_as_json_and_read_again():
    found = from_command("digits", allow="networks", block="cnn", folds="auto", settings=["choose.max_size_mb=1"])
    assert AutomlSettings.model_validate(json.loads(json.dumps(found.to_dict()))) == found


def test_reading_changes_nothing_that_was_given():
    given = {"type": "automl", "limits": {"max_trials": 9}, "experiment_timeout_minutes": 30, "compute": "c"}
    before = json.dumps(given)
    read_automl(given)
    assert json.dumps(given) == before


def test_the_file_for_editors_is_the_spec_as_it_is():
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept == json_schema(), "python -m pigeonhole.automl.settings.schema writes it anew"


def test_the_schema_takes_what_is_read_and_no_more():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    right = [{"n_cross_validations": "auto"}, {"iterations": 4}, {"featurization": "off"}, {"compute": "c"}]
    right += [{"limits": {"timeout": "20m"}}, {"primary_metric": "auc_weighted"}, {"training_data": "azureml:a:1"}]
    for parts in right:
        search(**parts)
        jsonschema.validate({"type": "automl", **parts}, schema)
    for parts in ({"limit": {}}, {"limits": {"max_trials": 0}}, {"primary_metric": "auc"}, {"seed": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"type": "automl", **parts}, schema)
