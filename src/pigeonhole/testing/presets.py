"""The contract of every preset, as plain functions: each raises AssertionError where a preset breaks it.

Run them on a preset of your own: `for check in presets.CHECKS: check("path/to/preset.yml", tmp_path / check.__name__)`.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import models
from pigeonhole.core.errors import DataError
from pigeonhole.models.resolving import preset_of

# Enough to run every line of a training, not to learn; a preset without a parameter of the name ignores it.
QUICK: Mapping[str, Any] = {"epochs": 1, "min_steps": 2, "batch_size": 16, "max_iter": 20, "n_estimators": 5}
ROW_TOLERANCE = 1e-5


def sample(n: int = 40, side: int = 12, channels: int = 1, classes: int = 3) -> models.TrainingData:
    """Synthetic images: the class is the place of a bright square on noise."""
    noise = np.random.default_rng(n + side + channels)
    labels_N = np.arange(n, dtype=np.int64) % classes
    images_NHWC = noise.integers(0, 80, (n, side, side, channels), np.uint8)
    width = side // classes
    for image_HWC, label in zip(images_NHWC, labels_N, strict=True):
        image_HWC[:, label * width : (label + 1) * width] += np.uint8(150)
    held_out = n // 4
    names = tuple(f"class {k}" for k in range(classes))
    return models.TrainingData(
        images_NHWC[held_out:], labels_N[held_out:], images_NHWC[:held_out], labels_N[:held_out], names
    )


def fit(key: str, data: models.TrainingData, folder: Path, seed: int = 1) -> models.Trained:
    """The preset, fitted in the least time."""
    known = preset_of(key).defaults
    settings = {name: value for name, value in QUICK.items() if name in known}
    return models.fit(models.resolve(key, settings), data, seed=seed, folder=folder)


def check_parameters(key: str, folder: Path) -> None:  # noqa: ARG001 - every check has one signature
    """Each parameter has a meaning, and a default that it accepts itself."""
    preset = preset_of(key)
    assert preset.summary, "a preset says in one line what it is"
    for parameter in preset.parameters:
        assert parameter.meaning, f"{parameter.name} says what it means"
    spec = models.resolve(key, dict(preset.defaults))
    assert models.ModelSpec.from_dict(spec.to_dict()) == spec, "a spec survives the way through JSON"


def check_probabilities(key: str, folder: Path) -> None:
    """Each row sums to 1, is float32, has a column for every class, and no images give no rows."""
    data = sample()
    trained = fit(key, data, folder)
    probs_NK = trained.probabilities(data.train_images_NHWC)
    assert probs_NK.dtype == np.float32
    assert probs_NK.shape == (len(data.train_labels_N), len(data.class_names))
    assert np.abs(probs_NK.sum(axis=1) - 1).max() < ROW_TOLERANCE
    assert probs_NK.min() >= 0
    assert trained.probabilities(data.train_images_NHWC[:0]).shape == (0, len(data.class_names))


def check_one_row(key: str, folder: Path) -> None:
    """An image gets the same probabilities alone as among others, in whatever batches."""
    data = sample()
    trained = fit(key, data, folder)
    images_NHWC = data.train_images_NHWC
    together_NK = trained.probabilities(images_NHWC)
    alone_NK = np.concatenate([trained.probabilities(image[None]) for image in images_NHWC])
    assert np.abs(together_NK - alone_NK).max() < ROW_TOLERANCE
    assert np.abs(together_NK - trained.probabilities(images_NHWC, batch_size=7)).max() < ROW_TOLERANCE


def check_inputs_unchanged(key: str, folder: Path) -> None:
    """Neither fitting nor predicting writes into the images or labels; read-only ones are taken."""
    data = sample()
    for array in (data.train_images_NHWC, data.train_labels_N):
        array.flags.writeable = False
    fit(key, data, folder).probabilities(data.train_images_NHWC)


def check_global_state(key: str, folder: Path) -> None:
    """The caller's own random streams go on as if nothing had happened."""
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global stream is what must stay untouched
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    fit(key, sample(), folder)
    after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert before == after


def check_repeatable(key: str, folder: Path) -> None:
    """The same seed gives the same model to the last bit, in another folder too."""
    data = sample()
    first, second = (fit(key, data, folder / name).probabilities(data.train_images_NHWC) for name in ("a", "b"))
    assert np.array_equal(first, second)


def check_sizes(key: str, folder: Path) -> None:
    """Small and odd images, grey and colour, two classes and many."""
    for side, channels, classes in ((8, 1, 2), (13, 3, 5), (32, 3, 3)):
        data = sample(20, side, channels, classes)
        trained = fit(key, data, folder / f"{side}-{channels}")
        assert trained.probabilities(data.train_images_NHWC).shape == (15, classes)
        assert trained.n_parameters > 0


def check_few_images(key: str, folder: Path) -> None:
    """Thirty images without a validation split, two of them of a rare class, and a class without any."""
    labels_N = np.array([0] * 28 + [1] * 2, np.int64)
    whole = sample(40)
    data = models.TrainingData(whole.train_images_NHWC[:30], labels_N, None, None, ("often", "rare", "never"))
    trained = fit(key, data, folder)
    assert np.isfinite(trained.probabilities(data.train_images_NHWC)).all()
    assert trained.history[-1]["validation_accuracy"] is None


def check_flat_images(key: str, folder: Path) -> None:
    """Images of one colour have no spread to divide by."""
    data = sample()
    flat = replace(data, train_images_NHWC=np.full_like(data.train_images_NHWC, 7))
    assert np.isfinite(fit(key, flat, folder).probabilities(flat.train_images_NHWC)).all()


def check_refusals(key: str, folder: Path) -> None:
    """Labels beyond the classes, and images of another shape or type, are refused as what they are."""
    data = sample()
    _refused(lambda: fit(key, replace(data, train_labels_N=data.train_labels_N + 1), folder / "labels"))
    trained = fit(key, data, folder / "fitted")
    _refused(lambda: trained.probabilities(data.train_images_NHWC[:, :-1]))
    _refused(lambda: trained.probabilities(data.train_images_NHWC.astype(np.float32)))


def check_records(key: str, folder: Path) -> None:
    """The history has a record an epoch, and the facts say what it cost."""
    data = sample()
    trained = fit(key, data, folder)
    assert [record["epoch"] for record in trained.history] == list(range(1, len(trained.history) + 1))
    assert {
        "epochs", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate",
        "images_per_s", "seconds", "seconds_left", "best",
    } <= trained.history[0].keys()  # fmt: skip
    assert {
        "device", "dtype", "threads", "n_parameters", "epochs_run", "best_epoch", "seconds", "images_per_s",
        "peak_memory_bytes",
    } <= trained.facts.keys()  # fmt: skip


def _refused(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except DataError:
        return
    raise AssertionError("a DataError was due")


CHECKS: tuple[Callable[[str, Path], None], ...] = (
    check_parameters,
    check_probabilities,
    check_one_row,
    check_inputs_unchanged,
    check_global_state,
    check_repeatable,
    check_sizes,
    check_few_images,
    check_flat_images,
    check_refusals,
    check_records,
)
