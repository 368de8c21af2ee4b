from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from pigeonhole import ImageClassifier
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.estimator import saving

ARGUMENTS = {"epochs": 1, "hidden": 8, "random_state": 1, "optimizer__beta_1": 0.8}


@pytest.fixture
def X(images):
    return images.reshape(len(images), -1)


@pytest.fixture
def fitted(X, labels):
    return ImageClassifier("mlp-128", **ARGUMENTS).fit(X, labels)


def round_trip(classifier, folder):
    classifier.save(folder)
    return ImageClassifier.load(folder)


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        ({}, lambda x: x),
        ({}, lambda x: x / 7.0),
        ({"image_shape": (12, 12)}, lambda x: x.astype(np.float32)),
        ({"model": "cnn-3", "min_steps": 1, "epochs": 1, "optimizer__beta_1": None}, lambda x: x.reshape(-1, 12, 12)),
    ],
    ids=["bytes", "table", "float images", "cnn"],
)
def test_what_is_loaded_predicts_the_same_to_the_last_bit(tmp_path, X, labels, arguments, form):
    classifier = ImageClassifier(**{"model": "mlp-128", **ARGUMENTS, **arguments}).fit(form(X), labels)
    loaded = round_trip(classifier, tmp_path / "saved")
    assert np.array_equal(loaded.predict_proba(form(X)), classifier.predict_proba(form(X)))
    assert loaded.predict(form(X)).dtype == labels.dtype
    assert loaded.get_params() == classifier.get_params()
    for name in ("n_features_in_", "n_iter_", "image_shape_", "history_"):
        assert getattr(loaded, name) == getattr(classifier, name)
    assert {path.suffix for path in (tmp_path / "saved").rglob("*") if path.is_file()} == {".json", ".safetensors"}


@pytest.mark.parametrize("names", [[3, -1, 7], [0.5, 1.0, 2.0], np.array(["x", "y", "z"], object), [True, False, True]])
def test_labels_of_any_type_survive(tmp_path, X, labels, names):
    y = np.asarray(names)[np.unique(labels, return_inverse=True)[1]]
    y = y > 0.7 if y.dtype == float else y  # floats that are no whole numbers are no labels
    classifier = ImageClassifier("mlp-128", **ARGUMENTS).fit(X, y)
    loaded = round_trip(classifier, tmp_path / "saved")
    assert loaded.classes_.dtype == classifier.classes_.dtype
    assert loaded.classes_.tolist() == classifier.classes_.tolist()


def test_column_names_survive(tmp_path, X, labels):
    frame = pd.DataFrame(X[:, :5].astype(float), columns=list("abcde"))
    loaded = round_trip(ImageClassifier("mlp-128", **ARGUMENTS).fit(frame, labels), tmp_path / "saved")
    assert loaded.feature_names_in_.tolist() == list("abcde")


def test_a_generator_is_saved_as_the_number_it_gave(tmp_path, X, labels):
    drawn = ImageClassifier("mlp-128", **{**ARGUMENTS, "random_state": np.random.RandomState(1)}).fit(X, labels)
    loaded = round_trip(drawn, tmp_path / "saved")
    again = loaded.fit(X, labels)
    assert np.array_equal(again.predict_proba(X), drawn.predict_proba(X))


def test_saving_again_replaces_the_old_classifier_and_leaves_nothing_of_it(tmp_path, fitted, X, labels):
    fitted.save(tmp_path / "saved")
    other = ImageClassifier("mlp-128", **{**ARGUMENTS, "random_state": 2}).fit(X, labels)
    loaded = round_trip(other, tmp_path / "saved")
    assert np.array_equal(loaded.predict_proba(X), other.predict_proba(X))
    assert len(list((tmp_path / "saved").iterdir())) == 2


def test_a_save_that_is_cut_short_leaves_the_old_classifier(tmp_path, fitted, X, labels, monkeypatch):
    fitted.save(tmp_path / "saved")
    other = ImageClassifier("mlp-128", **{**ARGUMENTS, "random_state": 2}).fit(X, labels)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(saving, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            other.save(tmp_path / "saved")
    assert np.array_equal(ImageClassifier.load(tmp_path / "saved").predict_proba(X), fitted.predict_proba(X))
    other.save(tmp_path / "saved")
    assert len(list((tmp_path / "saved").iterdir())) == 2, "what was cut short is cleared away"


def test_a_folder_of_something_else_is_left_alone(tmp_path, fitted):
    (tmp_path / "thesis.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ConflictError, match="something else"):
            fitted.save(place)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_damaged_and_later_files_are_told(tmp_path, fitted):
    fitted.save(tmp_path)
    weights = next(tmp_path.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.safetensors is not the file that was saved"):
        ImageClassifier.load(tmp_path)
    path = tmp_path / "classifier.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    with pytest.raises(DataError, match="version 2"):
        ImageClassifier.load(tmp_path)
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        ImageClassifier.load(tmp_path)
    with pytest.raises(NotFoundError, match="no classifier"):
        ImageClassifier.load(tmp_path / "nowhere")


def test_what_cannot_be_saved_is_told(tmp_path, X, labels):
    with pytest.raises(NotFittedError):
        ImageClassifier().save(tmp_path)
    with pytest.raises(UsageError, match="logistic-regression"):
        ImageClassifier("logistic-regression").fit(X, labels).save(tmp_path)
