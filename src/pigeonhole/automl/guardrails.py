"""What was looked at in the data before a search, in the words and file format of Azure's AutoML. Changes nothing.

Axes: K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pigeonhole.core.errors import DataError

Result = Literal["passed", "alerted", "done"]

FILE = "verifier_results.json"
# Azure alerts where the smallest class has at most this share of the largest one's images.
BALANCED_ABOVE = 0.2
_SCHEMA = {"schema_type": "fault_verifier", "schema_version": "1.0.0"}
_FRIENDLY = {
    "size_of_smallest_class": "Size of the smallest class",
    "name_of_smallest_class": "Name of the smallest class",
    "num_of_samples": "Number of samples in the training data",
    "dataset": "Dataset",
    "row_counts": "Row counts",
    "percentage": "Percentage",
    "number_of_folds": "Number of folds",
    "duplicates": "Images seen before",
}


def guardrails(
    counts_K: Sequence[int],
    validation_counts_K: Sequence[int],
    *,
    folds: int | None = None,
    class_names: Sequence[str] = (),
    duplicates: int | None = None,
) -> tuple[dict[str, Any], ...]:
    """What Azure's AutoML checks before it searches, for images.

    Args:
        counts_K: training images of each class.
        validation_counts_K: validation images of each class; with folds, where both are pooled, zeros are fine.
        folds: of the cross validation; `None` where the dataset's validation split is the hold-out.
        class_names: to show; without them a class is shown by its number.
        duplicates: as `count_duplicates` tells it; `None` where it is not known, and then nothing is said of it.

    Returns:
        A result for each check, as `verifier_results.json` has it: `type`, `result` (`passed`, `alerted` or `done`),
        `parameters` and the same in words.

    Raises:
        DataError: the counts are of no class, or of different classes.
    """
    # NumPy's counts are welcome too, whose integers JSON does not know.
    counts_K, validation_counts_K = list(map(int, counts_K)), list(map(int, validation_counts_K))
    _check(counts_K, validation_counts_K, class_names)
    pooled_K = [one + other for one, other in zip(counts_K, validation_counts_K, strict=True)]
    names = list(class_names) or [str(index) for index in range(len(counts_K))]
    return (
        _split(counts_K, validation_counts_K, names) if folds is None else _cross_validation(pooled_K, folds, names),
        _balance(counts_K if folds is None else pooled_K, names),
        _result(
            "_missing_value",
            "passed",
            "Missing feature values imputation",
            "Images have no missing values: each one was decoded whole when the dataset was made.",
        ),
        _result(
            "_detect_high_cardinal_feature",
            "passed",
            "High cardinality feature detection",
            "Not applicable to pixels: they are numbers from 0 to 255, and none is read as a category.",
        ),
        *([] if duplicates is None else [_duplicates(duplicates, folds)]),
    )


def verifier_results(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The content of `verifier_results.json`."""
    return {**_SCHEMA, "faults": list(results)}


def count_duplicates(training: Iterable[str], validation: Iterable[str], *, folds: int | None = None) -> int:
    """How many images are scored though a model may have been trained on the very same pixels.

    Args:
        training: the digest of each training image.
        validation: of each validation image.
        folds: as for `guardrails`; with folds, any image that is in the pool more than once counts.
    """
    if folds is None:
        known = frozenset(training)
        return sum(digest in known for digest in validation)
    pool = [*training, *validation]
    return len(pool) - len(set(pool))


def _check(counts_K: Sequence[int], validation_counts_K: Sequence[int], class_names: Sequence[str]) -> None:
    lengths = {len(counts_K), len(validation_counts_K)} | ({len(class_names)} if class_names else set())
    if len(lengths) > 1 or not counts_K:
        raise DataError(
            f"counts of {len(counts_K)} classes for training, of {len(validation_counts_K)} for validation, and "
            f"{len(class_names)} class names",
            "a count for each class in both, and as many names or none",
            "count with numpy.bincount(labels, minlength=K)",
        )


def _split(counts_K: Sequence[int], validation_counts_K: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    train, held = sum(counts_K), sum(validation_counts_K)
    # A class that nothing is held out of is in no score.
    unseen = [name for name, n, m in zip(names, counts_K, validation_counts_K, strict=True) if n and not m]
    parameters = [
        {"dataset": which, "row_counts": str(count), "percentage": str(100 * count / max(1, train + held))}
        for which, count in (("train", train), ("validation", held))
    ]
    told = "Every candidate is scored on the dataset's validation split, which none is trained on."
    advice = ""
    if unseen:
        told += f" It has no image of {_listed(unseen)}, so no score says how well those are told."
        advice = "Ingest the dataset again with a larger --validation, or search with n_cross_validations."
    result: Result = "alerted" if unseen else "done"
    return _result("_train_test_split", result, "Train-validation data split", told, parameters, advice)


def _cross_validation(pooled_K: Sequence[int], folds: int, names: Sequence[str]) -> dict[str, Any]:
    few = [name for name, count in zip(names, pooled_K, strict=True) if count < folds]
    told = (
        f"Training and validation images, {sum(pooled_K):,} in all, are pooled and cut into {folds} folds; "
        "each candidate is scored on every fold by a model that was not trained on it."
    )
    if few:
        told += f" Of {_listed(few)} there are fewer images than folds: some folds have none of them."
    return _result(
        "_cross_validation",
        "alerted" if few else "done",
        "Cross validation",
        told,
        [{"number_of_folds": str(folds)}],
        "Take fewer folds, or add images of these classes." if few else "",
    )


def _balance(counts_K: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    smallest = min(range(len(counts_K)), key=lambda index: (counts_K[index], index))
    least, most = counts_K[smallest], max(counts_K)
    if least > BALANCED_ABOVE * most:
        told = f"All classes are balanced: the smallest has {least:,} training images, the largest {most:,}."
        return _result("_class_balancing", "passed", "Class balancing detection", told)
    return _result(
        "_class_balancing",
        "alerted",
        "Class balancing detection",
        f"The classes are not balanced: {names[smallest]} has {least:,} training images, the largest class {most:,}. "
        "A high score may then come from the large classes alone.",
        [
            {
                "size_of_smallest_class": str(least),
                "name_of_smallest_class": names[smallest],
                "num_of_samples": str(sum(counts_K)),
            }
        ],
        "Add images of the smallest class, or search by norm_macro_recall, in which every class counts the same.",
    )


def _duplicates(count: int, folds: int | None) -> dict[str, Any]:
    where = "in another split: training and validation share none" if folds is None else "twice in the pool"
    if not count:
        told = f"No image is {where}."
        return _result("_duplicate_images", "passed", "Duplicate images detection", told)
    images = f"{count:,} image{'' if count == 1 else 's'}"
    seen = f"{images} of the validation split {'is' if count == 1 else 'are'} also in training"
    told = seen if folds is None else f"{images} of the pool {'is' if count == 1 else 'are'} a copy of another"
    return _result(
        "_duplicate_images",
        "alerted",
        "Duplicate images detection",
        f"{told}, pixel by pixel: a model can know them by heart, and the scores flatter.",
        [{"duplicates": str(count)}],
        "Ingest the dataset again without the copies.",
    )


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    what = "class" if len(names) == 1 else "classes"
    return f"{what} {', '.join(names[:most])}{more}"


def _result(
    type_: str, result: Result, name: str, told: str, parameters: Sequence[dict[str, str]] = (), advice: str = ""
) -> dict[str, Any]:
    return {
        "type": type_,
        "result": result,
        "parameters": list(parameters),
        "friendly_type": name,
        "friendly_result": told,
        "friendly_parameters": [{_FRIENDLY[key]: value for key, value in row.items()} for row in parameters],
        "friendly_learn_more": advice,
        "friendly_parameter_preface": "",
    }
