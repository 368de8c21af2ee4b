"""Test-time augmentation: which views there are, and that their mean is what comes out everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import data, spec

from pigeonhole import bundle, export, models
from pigeonhole.models.networks.views import merged, unmoved, views
from pigeonhole.models.settings import Views

ALL = [Views(), Views(shifts=1), Views(flip=True), Views(shifts=2, flip=True)]


@pytest.mark.parametrize("how", ALL)
def test_views_are_the_image_its_diagonal_neighbours_and_their_mirror_images(how):
    x = torch.rand(3, 2, 6, 5)
    framed = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    steps = [(0, 0)] + [
        (down * pixels, right * pixels) for pixels in range(1, how.shifts + 1) for down in (-1, 1) for right in (-1, 1)
    ]
    expected = [framed[:, :, 2 + down : 8 + down, 2 + right : 7 + right] for down, right in steps]
    expected += [view[..., ::-1] for view in expected] if how.flip else []
    seen = views(x, how).view(how.count, 3, 2, 6, 5).numpy()
    assert len(expected) == how.count
    assert np.array_equal(seen[0], x.numpy())
    for view in expected:
        assert sum(np.array_equal(view, one) for one in seen) == 1


@pytest.mark.parametrize("how", ALL)
def test_the_merged_rows_give_the_mean_of_the_probabilities(how):
    logits = torch.randn(how.count * 4, 3) * 5
    expected = logits.softmax(dim=1).view(how.count, 4, 3).mean(dim=0)
    assert torch.allclose(merged(logits, how).softmax(dim=1), expected, atol=1e-6)
    assert torch.equal(unmoved(logits, how), logits[:4])


def test_certainty_survives_merging():
    logits = torch.tensor([[500.0, 0.0], [0.0, 500.0]]).repeat(5, 1)
    assert merged(logits, Views(shifts=1)).softmax(dim=1).tolist() == [[1, 0], [0, 1]]


def test_validation_probabilities_and_bundle_agree(tmp_path):
    made_of = spec(tmp_path, precision="fp32", test_time_augmentation={"shifts": 1, "flip": True})
    images = data()
    trained = models.fit(made_of, images, seed=1, folder=tmp_path / "m")
    plain = models.fit(spec(tmp_path, precision="fp32"), images, seed=1, folder=tmp_path / "plain")
    whole = images.train_images_NHWC
    probs_NK = trained.probabilities(whole)
    assert not np.allclose(probs_NK, plain.probabilities(whole), atol=1e-4), "it makes a difference"
    assert np.allclose(probs_NK, trained.probabilities(whole, batch_size=7), atol=1e-6)
    best = trained.history[trained.facts["best_epoch"] - 1]
    hits = trained.probabilities(images.validation_images_NHWC).argmax(axis=1) == images.validation_labels_N
    assert hits.mean() == pytest.approx(best["validation_accuracy"])
    assert np.array_equal(models.load(tmp_path / "m").probabilities(whole), probs_NK)
    made = export.to_bundle(
        trained,
        folder=tmp_path / "b",
        images_NHWC=whole,
        labels_N=images.train_labels_N,
        expected_probs_NK=probs_NK,
        training_images_NHWC=whole,
        calibration={"temperature": 1.0},
        lineage={},
    )
    answer = bundle.load(made.folder).predict(whole[:3])
    assert np.abs(answer.probs_NK - probs_NK[:3]).max() < 1e-4
    x_NCHW = torch.from_numpy(whole[:3]).permute(0, 3, 1, 2).float()
    mean, sd = trained.normalizer.tensors("cpu")
    with torch.no_grad():
        features_ND = trained.network.features((x_NCHW - mean) / sd).numpy()
    assert np.allclose(answer.embedding_ND, features_ND, atol=1e-3), "the embedding is that of the image itself"
