"""Bundles joined into one: of a network and estimators, voting and stacked, as ONNX Runtime really runs them."""

from __future__ import annotations

import shutil

import numpy as np
import onnx
import pytest

from pigeonhole import bundle, export
from pigeonhole.automl.stacking import MetaOptions, fit_meta
from pigeonhole.core.errors import DataError, GateError
from pigeonhole.core.files import read_json, write_json
from pigeonhole.evaluation.primary import PRIMARY_METRICS
from pigeonhole.export import joining
from pigeonhole.export.ensemble import decided, vote
from pigeonhole.testing.presets import fit, sample

KEYS = ("cnn-tiny", "extra-trees", "logistic-regression")
OPTIONS = MetaOptions(PRIMARY_METRICS["accuracy"])


@pytest.fixture(scope="module")
def data():
    return sample(60, side=11, channels=1)


@pytest.fixture(scope="module")
def bundles(data, tmp_path_factory):
    """A network with an embedding that it learned, and two estimators without."""
    folder = tmp_path_factory.mktemp("members")
    return {key: exported(key, data, folder) for key in KEYS}


def exported(key, data, folder):
    trained = fit(key, data, folder / f"{key}-training")
    images_NHWC, labels_N = data.train_images_NHWC, data.train_labels_N
    return export.to_bundle(
        trained,
        folder=folder / key,
        images_NHWC=images_NHWC,
        labels_N=labels_N,
        expected_probs_NK=trained.probabilities(images_NHWC),
        training_images_NHWC=images_NHWC,
        calibration={},
        lineage={},
    )


def parts_of(bundles, weights):
    return [export.Part(f"run-{key}", bundles[key], weight) for key, weight in weights.items()]


def answers(parts, images_NHWC):
    return [part.bundle.predict(images_NHWC).probs_NK for part in parts]


def make(parts, data, folder, meta=None, **changes):
    images_NHWC = data.train_images_NHWC
    if "expected_probs_NK" not in changes:
        weights = [part.weight for part in parts]
        changes["expected_probs_NK"] = export.combined(answers(parts, images_NHWC), weights, meta)
    arguments = {
        "folder": folder,
        "images_NHWC": images_NHWC,
        "labels_N": data.train_labels_N,
        "calibration": {"temperature": 1.2},
        "lineage": {"run": "vote-1"},
        "meta": meta,
    }
    return export.ensemble_bundle(parts, **{**arguments, **changes})


@pytest.fixture(scope="module")
def voting(bundles, data, tmp_path_factory):
    parts = parts_of(bundles, {"extra-trees": 0.5, "cnn-tiny": 0.3, "logistic-regression": 0.2})
    return make(parts, data, tmp_path_factory.mktemp("vote") / "b"), parts


def test_a_vote_answers_as_its_members_weighted(voting, data):
    made, parts = voting
    probs_NK = made.predict(data.train_images_NHWC).probs_NK
    mean_NK = sum(
        part.weight * probs.astype(float)
        for part, probs in zip(parts, answers(parts, data.train_images_NHWC), strict=True)
    )
    assert np.abs(probs_NK - mean_NK).max() < 1e-5
    assert np.allclose(probs_NK.sum(axis=1), 1, atol=1e-5)


def test_one_row_answers_as_the_same_row_in_a_batch(voting, data):
    made, _ = voting
    images_NHWC = data.train_images_NHWC[:7]
    alone_NK = np.concatenate([made.predict(images_NHWC[k : k + 1]).probs_NK for k in range(7)])
    assert np.abs(alone_NK - made.predict(images_NHWC).probs_NK).max() < 1e-5


def test_its_embedding_is_that_of_the_heaviest_member_that_learned_one(voting, data):
    made, _ = voting
    network = next(part.bundle for part in voting[1] if part.run_id == "run-cnn-tiny")
    assert made.embedding_size == network.embedding_size
    ours, theirs = (one.predict(data.train_images_NHWC).embedding_ND for one in (made, network))
    assert np.abs(ours - theirs).max() < 1e-4


def test_members_without_an_embedding_make_one_of_principal_components(bundles, data, tmp_path):
    made = make(parts_of(bundles, {"extra-trees": 0.5, "logistic-regression": 0.5}), data, tmp_path / "b")
    assert made.embedding_size == bundles["extra-trees"].embedding_size
    model = onnx.load(made.folder / "model.onnx")
    assert [tensor.name for tensor in model.graph.initializer if "pca_matrix" in tensor.name] == ["pca_matrix"]


def test_it_names_its_members_and_what_was_verified(voting, data):
    made, parts = voting
    assert [(one["run"], one["weight"]) for one in made.lineage["members"]] == [
        ("run-extra-trees", 0.5),
        ("run-cnn-tiny", 0.3),
        ("run-logistic-regression", 0.2),
    ]
    assert made.lineage["members"][0]["bundle_sha256"] == parts[0].bundle.sha256
    figures = made.lineage["verification"]
    assert figures["images"] + figures.get("undecided", 0) == len(data.train_labels_N)
    assert figures["same_class"] == figures["images"]
    bundle.load(made.folder).check_probe()


@pytest.mark.parametrize("learner", ["LogisticRegression", "LightGBMClassifier"])
def test_a_stack_answers_as_its_meta_learner(bundles, data, tmp_path, learner):
    parts = parts_of(bundles, {"cnn-tiny": 0.4, "extra-trees": 0.4, "logistic-regression": 0.2})
    members = answers(parts, data.train_images_NHWC)
    meta = fit_meta(data.train_labels_N, members, learner, OPTIONS)
    made = make(parts, data, tmp_path / "b", meta)
    probs_NK = made.predict(data.train_images_NHWC).probs_NK
    assert np.abs(probs_NK - meta.probabilities(members)).max() < 1e-4
    assert np.allclose(probs_NK.sum(axis=1), 1, atol=1e-5)


def test_a_class_that_the_meta_learner_never_saw_gets_no_probability(bundles, data, tmp_path):
    parts = parts_of(bundles, {"cnn-tiny": 0.5, "extra-trees": 0.5})
    members = answers(parts, data.train_images_NHWC)
    seen_N = data.train_labels_N != 1
    meta = fit_meta(data.train_labels_N[seen_N], [probs[seen_N] for probs in members], "LogisticRegression", OPTIONS)
    made = make(parts, data, tmp_path / "b", meta)
    assert (made.predict(data.train_images_NHWC).probs_NK[:, 1] == 0).all()


def test_members_of_different_operator_versions_are_joined(bundles, data, tmp_path):
    """Torch writes newer ones than the converters of estimators; here one is made newer still."""
    newer = tmp_path / "newer"
    shutil.copytree(bundles["logistic-regression"].folder, newer)
    model = onnx.load(newer / "model.onnx")
    for entry in model.opset_import:
        entry.version += 1
    model.ir_version += 1
    models = [onnx.load(bundles["extra-trees"].folder / "model.onnx"), model]
    joined = joining.join(
        models,
        joining.vote_head([0.5, 0.5]),
        shape_HWC=(11, 11, 1),
        n_classes=len(data.class_names),
        embedding_of=None,
        embedding_size=0,
    )
    onnx.checker.check_model(joined)
    assert {entry.domain: entry.version for entry in joined.opset_import} == {"": 19, "ai.onnx.ml": 4}
    assert joined.ir_version == model.ir_version


def test_an_operator_that_means_something_else_in_the_newer_version_is_refused(bundles, data):
    old, new = (onnx.load(bundles["extra-trees"].folder / "model.onnx") for _ in range(2))
    for entry in old.opset_import:
        entry.version = 12 if entry.domain == "" else entry.version
    with pytest.raises(DataError, match=r"member 1 of the ensemble, whose operators .*ReduceSum"):
        joining.join(
            [old, new],
            joining.vote_head([0.5, 0.5]),
            shape_HWC=(11, 11, 1),
            n_classes=len(data.class_names),
            embedding_of=None,
            embedding_size=0,
        )


def test_a_join_that_says_something_else_than_its_members_is_refused_and_leaves_nothing(bundles, data, tmp_path):
    parts = parts_of(bundles, {"extra-trees": 0.5, "logistic-regression": 0.5})
    wrong_NK = np.roll(export.combined(answers(parts, data.train_images_NHWC), [0.5, 0.5], None), 1, axis=1)
    with pytest.raises(GateError, match="another class"):
        make(parts, data, tmp_path / "b", expected_probs_NK=wrong_NK)
    assert not (tmp_path / "b").exists()


def test_members_that_do_not_fit_are_all_named(bundles, data, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(bundles["extra-trees"].folder, other)
    manifest = read_json(other / "manifest.json")
    write_json(other / "manifest.json", {**manifest, "shape_HWC": [9, 9, 1]})
    odd = bundle.load(other, verify=False)
    parts = [*parts_of(bundles, {"logistic-regression": 0.7}), export.Part("odd", odd, 0.7)]
    with pytest.raises(DataError, match=r"run odd: images of \(9, 9, 1\)[\s\S]*sum to 1\.4"):
        make(parts, data, tmp_path / "b", expected_probs_NK=np.zeros((45, 3), np.float32))


def test_an_exact_tie_is_no_difference_and_goes_to_the_first_class():
    sure_NK = np.eye(3, dtype=np.float32)
    voted_NK = vote([sure_NK, np.roll(sure_NK, 1, axis=1)], [0.5, 0.5])
    assert voted_NK.argmax(axis=1).tolist() == [0, 1, 0]
    mixed_NK = np.array([[0.5, 0.5, 0], [0.6, 0.4, 0]], np.float32)
    assert decided(mixed_NK).tolist() == [False, True]
    assert decided(mixed_NK[:1]).tolist() == [True]
