"""Virtual images: shifted copies of what decides, for machines that then bear images that stand elsewhere."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from pigeonhole import models
from pigeonhole.core.errors import SpecError
from pigeonhole.export.estimator import estimator_graph
from pigeonhole.export.verification import open_model, run
from pigeonhole.models.classical import fit as fitting
from pigeonhole.models.classical.virtual import SHIFTS, shifted

SIDE = 12


def strokes(n, seed, centre=0):
    """Four slants of a stroke under noise, whose place varies a little around `centre` pixels down and right."""
    noise = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % 4
    images = noise.integers(0, 60, (n, SIDE, SIDE, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        down, right = noise.integers(-1, 2, 2) + centre + SIDE // 2
        for step in range(-3, 4):
            row, column = ((0, step), (step, 0), (step, step), (step, -step))[label]
            image[np.clip(down + row, 0, SIDE - 1), np.clip(right + column, 0, SIDE - 1)] = 220
    return images, labels


def training(n=120, **more):
    images, labels = strokes(n, seed=0)
    return models.TrainingData(images, labels, None, None, ("flat", "upright", "falling", "rising"), **more)


def fitted(tmp_path, data=None, **settings):
    return models.fit(models.resolve("svm-rbf", settings), data or training(), seed=0, folder=tmp_path)


def test_a_shift_moves_every_pixel_and_repeats_the_edge():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2), np.uint8)
    for down, right in SHIFTS:
        moved = shifted(images, down, right)
        for row in range(4):
            for column in range(5):
                source = min(max(row - down, 0), 3), min(max(column - right, 0), 4)
                assert np.array_equal(moved[:, row, column], images[:, *source])
    assert len(set(SHIFTS)) == 8
    assert np.array_equal(shifted(images[:, :1, :1], 1, -1), images[:, :1, :1])


@pytest.mark.parametrize("shifts", [4, 8])
def test_the_machine_is_fitted_again_on_its_support_vectors_and_their_copies(tmp_path, shifts):
    from sklearn.svm import SVC

    data = training()
    before, after = fitted(tmp_path, virtual_shifts=0).estimator, fitted(tmp_path, virtual_shifts=shifts).estimator
    support = before.deciding_S
    assert 0 < len(support) < len(data.train_labels_N)
    images = np.concatenate(
        [data.train_images_NHWC[support], *(shifted(data.train_images_NHWC[support], *s) for s in SHIFTS[:shifts])]
    )
    features = before.projection(fitting.flat_pixels(images, 255))
    labels = np.tile(data.train_labels_N[support], shifts + 1)
    machine = SVC(C=before.C, gamma=before.gamma_, decision_function_shape="ovo").fit(features, labels)
    assert after.gamma_ == before.gamma_
    assert np.array_equal(after.projection.matrix_PD, before.projection.matrix_PD)
    assert np.allclose(after.vectors_SD, machine.support_vectors_, atol=1e-5)
    probes = fitting.flat_pixels(strokes(40, seed=3)[0], 255)
    theirs = machine.decision_function(before.projection(probes))
    assert np.abs(after.decisions(probes)[:, *np.triu_indices(4, 1)] - theirs).max() < 1e-4


def test_images_that_stand_elsewhere_are_told_apart_better(tmp_path):
    images, labels = strokes(400, seed=1, centre=1)
    errors = {
        shifts: (fitted(tmp_path, virtual_shifts=shifts).probabilities(images).argmax(axis=1) != labels).sum()
        for shifts in (0, 4, 8)
    }
    assert errors[4] < 0.8 * errors[0]
    assert errors[8] < 0.8 * errors[0]


def test_without_virtual_images_nothing_changes(tmp_path, monkeypatch):
    data = training()
    default = fitted(tmp_path)
    earlier = models.ModelSpec.from_dict(default.spec.to_dict())
    earlier.estimator.pop("virtual_shifts")
    monkeypatch.setattr(fitting, "refit_shifted", lambda *_, **__: None)
    other = models.fit(earlier, data, seed=0, folder=tmp_path)
    assert np.array_equal(default.probabilities(data.train_images_NHWC), other.probabilities(data.train_images_NHWC))


@pytest.mark.parametrize("settings", [{}, {"class_weight": "balanced"}, {"pca_components": 0}])
def test_the_export_is_exact(tmp_path, settings):
    trained = fitted(tmp_path, virtual_shifts=4, **settings)
    graph = estimator_graph(trained)
    onnx.checker.check_model(graph, full_check=True)
    images = strokes(200, seed=2)[0]
    probs, exported = trained.probabilities(images), run(open_model(graph.SerializeToString()), images)
    assert np.abs(probs - exported).max() < 1e-6
    assert (probs.argmax(axis=1) == exported.argmax(axis=1)).all()


def test_two_classes_in_colour_and_a_class_without_images(tmp_path):
    images, labels = strokes(60, seed=0)
    colours = np.concatenate([images, 255 - images, images], axis=3)
    data = models.TrainingData(colours, 2 * (labels % 2), None, None, ("flat", "none", "upright"))
    probs = fitted(tmp_path, data, virtual_shifts=8).probabilities(colours)
    assert (probs[:, 1] == 0).all()
    assert (probs.argmax(axis=1) == data.train_labels_N).mean() > 0.9


def test_other_numbers_of_shifts_are_refused():
    with pytest.raises(SpecError, match="virtual_shifts: received 5; one of 0, 4, 8 is accepted"):
        models.resolve("svm-rbf", {"virtual_shifts": 5})
