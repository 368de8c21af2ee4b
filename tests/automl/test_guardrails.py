from __future__ import annotations

import json

import numpy as np
import pytest

from pigeonhole.automl.guardrails import count_duplicates, guardrails, verifier_results
from pigeonhole.core.errors import DataError


def by_type(results):
    return {result["type"]: result for result in results}


def test_balanced_classes_with_a_hold_out_pass_everything():
    found = by_type(guardrails([90, 100], [9, 11], class_names=("cat", "dog"), duplicates=0))
    assert {name: result["result"] for name, result in found.items()} == {
        "_train_test_split": "done",
        "_class_balancing": "passed",
        "_missing_value": "passed",
        "_detect_high_cardinal_feature": "passed",
        "_duplicate_images": "passed",
    }
    rows = found["_train_test_split"]["parameters"]
    assert [(row["dataset"], row["row_counts"]) for row in rows] == [("train", "190"), ("validation", "20")]
    assert sum(float(row["percentage"]) for row in rows) == pytest.approx(100)
    assert found["_train_test_split"]["friendly_parameters"][0]["Row counts"] == "190"


@pytest.mark.parametrize(("least", "result"), [(20, "alerted"), (21, "passed"), (0, "alerted")])
def test_a_fifth_of_the_largest_class_is_too_few(least, result):
    found = by_type(guardrails([100, least, 80], [10, 10, 10], class_names=("a", "b", "c")))["_class_balancing"]
    assert found["result"] == result
    if result == "alerted":
        assert found["parameters"] == [
            {"size_of_smallest_class": str(least), "name_of_smallest_class": "b", "num_of_samples": str(180 + least)}
        ]
        assert "b has" in found["friendly_result"]
        assert "norm_macro_recall" in found["friendly_learn_more"]


def test_with_folds_both_splits_are_one_pool():
    found = by_type(guardrails([100, 20], [0, 10], folds=5))
    assert found["_cross_validation"]["parameters"] == [{"number_of_folds": "5"}]
    assert found["_cross_validation"]["result"] == "done"
    assert "130 in all" in found["_cross_validation"]["friendly_result"]
    assert "_train_test_split" not in found
    assert found["_class_balancing"]["result"] == "passed"


def test_a_class_that_cannot_be_scored_is_an_alert():
    found = by_type(guardrails([100, 100], [10, 0], class_names=("cat", "dog")))["_train_test_split"]
    assert found["result"] == "alerted"
    assert "no image of class dog" in found["friendly_result"]
    few = by_type(guardrails([100, 3], [0, 0], folds=5))["_cross_validation"]
    assert few["result"] == "alerted"
    assert "class 1" in few["friendly_result"]


def test_copies_of_training_images_in_validation_are_counted():
    assert count_duplicates(["a", "b", "b"], ["b", "c", "b"]) == 2
    assert count_duplicates(["a", "b", "b"], ["b", "c"], folds=3) == 2
    assert count_duplicates(["a"], ["b"]) == 0
    found = by_type(guardrails([5, 5], [1, 1], duplicates=2))["_duplicate_images"]
    assert (found["result"], found["parameters"]) == ("alerted", [{"duplicates": "2"}])
    assert "_duplicate_images" not in by_type(guardrails([5, 5], [1, 1]))


def test_the_file_is_as_azure_stores_it():
    content = json.loads(json.dumps(verifier_results(guardrails(np.array([5, 1]), np.array([1, 1])))))
    assert (content["schema_type"], content["schema_version"]) == ("fault_verifier", "1.0.0")
    keys = {"type", "result", "parameters", "friendly_type", "friendly_result", "friendly_parameters"}
    assert all(keys <= set(fault) for fault in content["faults"])
    assert {fault["result"] for fault in content["faults"]} <= {"passed", "alerted", "done"}
    values = [value for fault in content["faults"] for row in fault["parameters"] for value in row.values()]
    assert all(isinstance(value, str) for value in values)


def test_counts_of_different_classes_are_refused():
    with pytest.raises(DataError, match="3 classes for training, of 2 for validation"):
        guardrails([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="of 0 for validation"):
        guardrails([], [])
