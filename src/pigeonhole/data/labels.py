"""Numbers to classes: which names the labels of a source have, and which labels cannot be.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, UsageError, listing
from pigeonhole.data.origins import Origins

MIN_CLASSES = 2
_SHOWN_CLASSES = 12


def resolve(
    labels_N: NDArray[np.int64],
    origins: Origins,
    source_names: Sequence[str] | None,
    user_names: Sequence[str] | None,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The labels as 0 … K-1, and the K class names.

    Without any names the labels must run from 0 (or from 1) without a gap, and the names are the numbers: a gap is
    more likely a wrong label than a class without images. Names that are whole numbers name those labels; other
    names number the labels from 0. Names for a source that has its own give the order of the classes.

    Args:
        labels_N: as the source numbers them.
        origins: where each stands, for messages.
        source_names: the source's own class names.
        user_names: the names that the user gave.

    Raises:
        UsageError: names given twice, or fewer than two.
        DataError: labels beyond the classes, a gap, or one class only.
    """
    if user_names is not None:
        _check_names(user_names)
    if source_names is not None:
        return _reordered(labels_N, source_names, user_names)
    if user_names is None:
        return _numbers(labels_N, origins)
    values = [int(name) for name in user_names] if all(map(_is_label, user_names)) else list(range(len(user_names)))
    return _by_value(labels_N, origins, values), tuple(user_names)


def _check_names(names: Sequence[str]) -> None:
    if len(names) < MIN_CLASSES or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise UsageError(f"the class names {', '.join(names)!r}", "two names or more, each once", "correct --classes")


def _is_label(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name))


def _reordered(
    labels_N: NDArray[np.int64], source_names: Sequence[str], user_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = tuple(user_names or source_names)
    if set(names) != set(source_names):
        raise DataError(
            f"--classes {_short(names)}, and the source has the classes {_short(source_names)}",
            "the same names, in the order you want",
            "correct --classes, or leave it out",
        )
    _check_count(names)
    places = np.array([names.index(name) for name in source_names], np.int64)
    return places[labels_N], names


def _check_count(names: Sequence[str]) -> None:
    if len(names) < MIN_CLASSES:
        raise DataError(
            f"all images have one class, {_short(names)}", "two classes or more", "add images of another class"
        )


def _numbers(labels_N: NDArray[np.int64], origins: Origins) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    present = np.unique(labels_N)
    start = min(int(present[0]), 1)
    if present[-1] - start >= len(present):
        raise _gap(labels_N, origins, present, start)
    names = tuple(str(number) for number in present.tolist())
    _check_count(names)
    return labels_N - start, names


def _gap(labels_N: NDArray[np.int64], origins: Origins, present: NDArray[np.int64], start: int) -> DataError:
    first_missing = next(number for number, value in enumerate([*present.tolist(), -1], start=start) if value != number)
    beyond = np.flatnonzero(labels_N > first_missing)
    places = [f"{origins[row]}: label {labels_N[row]}" for row in beyond[:10].tolist()]
    return DataError(
        f"no image has the label {first_missing}, {len(beyond):,} have a higher one\n{listing(places, len(beyond))}",
        "labels from 0 (or from 1) on without a gap, or the class names",
        "correct these labels, or name the classes with --classes (numbers name the labels themselves)",
    )


def _by_value(labels_N: NDArray[np.int64], origins: Origins, values: Sequence[int]) -> NDArray[np.int64]:
    order = np.argsort(values)
    ascending = np.asarray(values, np.int64)[order]
    places = np.minimum(np.searchsorted(ascending, labels_N), len(ascending) - 1)
    beyond = np.flatnonzero(ascending[places] != labels_N)
    if beyond.size:
        lines = [f"{origins[row]}: label {labels_N[row]}" for row in beyond[:10].tolist()]
        raise DataError(
            f"{len(beyond):,} labels beyond the {len(values)} classes\n{listing(lines, len(beyond))}",
            f"the labels {_short([str(value) for value in values])}",
            "correct these labels, or --classes",
        )
    found: NDArray[np.int64] = order[places].astype(np.int64)
    return found


def _short(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_CLASSES])
    return shown if len(names) <= _SHOWN_CLASSES else f"{shown}, … ({len(names)})"
