from __future__ import annotations

import doctest
import random
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pigeonhole import ImageClassifier, models
from pigeonhole.core.errors import ArrayError, DataError, ParameterError, SpecError
from pigeonhole.estimator import classifier as module

QUICK = {"epochs": 3, "hidden": 16, "min_steps": 4, "batch_size": 32, "augment": "none", "random_state": 3}


def cnn(**arguments):
    return ImageClassifier("cnn-3", **{**QUICK, **arguments})


def mlp(**arguments):
    return ImageClassifier("mlp-128", **{"random_state": 3, "batch_size": 16, **arguments})


@pytest.fixture(scope="module")
def fitted(images, labels):
    return cnn().fit(images, labels)


@pytest.fixture(scope="module")
def table():
    """Rows of five numbers of very different scales; two of them tell the class."""
    noise = np.random.default_rng(1)
    y = np.arange(90) % 3
    X = np.column_stack([y + noise.normal(0, 0.1, 90), 1e6 * (y == 1) + noise.normal(0, 1e4, 90), noise.random(90)])
    return np.column_stack([X, np.full(90, 7.0), 1e-6 * noise.random(90)]), y


def test_it_learns_images_and_answers_in_the_labels_it_was_given(fitted, images, labels):
    assert fitted.score(images, labels) > 0.95
    assert fitted.classes_.tolist() == ["left", "middle", "right"]
    assert set(fitted.predict(images)) <= {"left", "middle", "right"}
    assert fitted.image_shape_ == (12, 12, 1)
    assert fitted.n_features_in_ == 144
    assert fitted.n_iter_ == len(fitted.history_) == 3
    probs_NK = fitted.predict_proba(images)
    assert probs_NK.dtype == np.float32
    assert np.allclose(probs_NK.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "arguments"),
    [
        (lambda x: x[..., None], {}),
        (lambda x: x.reshape(len(x), -1), {}),
        (lambda x: x.reshape(len(x), -1), {"image_shape": (12, 12)}),
        (lambda x: x.reshape(len(x), -1), {"image_shape": (-1, 12, 1)}),
        (lambda x: x.tolist(), None),
        (lambda x: x.astype(np.int64), None),
        (lambda x: x.astype(np.float32).reshape(len(x), -1), None),
    ],
    ids=["channels", "square rows", "shape", "shape with -1", "lists", "int64", "float rows"],
)
def test_the_same_pixels_in_another_form_give_the_same_answer(fitted, images, labels, form, arguments):
    whose = fitted if arguments is None else cnn(**arguments).fit(form(images), labels)
    assert np.array_equal(whose.predict_proba(form(images)), fitted.predict_proba(images))


def test_the_scale_of_floats_does_not_matter(images, labels):
    whole, share = images.astype(np.float64), images / 255.0
    first, second = cnn().fit(whole, labels), cnn().fit(share, labels)
    assert np.allclose(first.predict_proba(whole), second.predict_proba(share), atol=1e-3)
    assert second.score(share, labels) > 0.95


def test_augmentation_chosen_by_the_images_is_the_same_whatever_the_scale_of_floats(monkeypatch):
    noise = np.random.default_rng(0)
    photographs = noise.integers(0, 256, (120, 4, 4, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    y = np.arange(120) % 2
    chosen = [
        cnn(augment="auto", epochs=1).fit(X, y).trained_.facts["augment"].split(" (")[0]
        for X in (photographs, photographs / 255, photographs.astype(float) - 1000)
    ]
    assert chosen == ["photographs"] * 3


def test_predicting_floats_leaves_them_as_they_were(images, labels):
    classifier = cnn(epochs=1).fit(images / 255, labels)
    prepared = classifier._inputs.images((images / 255).reshape(len(images), -1))
    before = prepared.copy()
    classifier.trained_.probabilities(prepared)
    assert np.array_equal(prepared, before)


def test_columns_of_a_table_have_a_scale_each(table):
    X, y = table
    classifier = mlp().fit(X, y)
    assert classifier.score(X, y) > 0.95
    assert classifier.image_shape_ == (1, 5, 1)


def test_colour(labels, images):
    coloured = np.stack([images, images // 2, 255 - images], axis=-1)
    by_shape = cnn().fit(coloured, labels)
    assert by_shape.image_shape_ == (12, 12, 3)
    rows = coloured.reshape(len(coloured), -1)
    by_rows = cnn(image_shape=(12, 12, 3)).fit(rows, labels)
    assert np.array_equal(by_rows.predict_proba(rows), by_shape.predict_proba(coloured))


@pytest.mark.parametrize(
    "names", [[3, -1, 7], [0.0, 1.0, 2.0], ["b", "a", "c"], np.array(["x", "y", "z"], object), [True, False, True]]
)
def test_labels_of_any_type_come_back(images, labels, names):
    y = np.asarray(names)[np.unique(labels, return_inverse=True)[1]]
    predicted = mlp().fit(images, y).predict(images)
    assert predicted.dtype == y.dtype
    assert (predicted == y).mean() > 0.95


def test_a_frames_column_names_are_kept_and_compared(table):
    X, y = table
    frame = pd.DataFrame(X, columns=list("abcde"))
    classifier = mlp().fit(frame, pd.Series(y))
    assert classifier.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[list("edcba")])


def test_uint8_images_are_not_copied(images, labels, monkeypatch):
    seen = []
    monkeypatch.setattr(models, "fit", lambda spec, data, **_: seen.append(data) or pytest.skip.Exception)
    with pytest.raises(AttributeError):
        cnn().fit(images, labels)
    assert np.shares_memory(seen[0].train_images_NHWC, images)
    assert len(seen[0].train_labels_N) == len(images), "all images are trained on"


def test_neither_x_nor_y_is_changed(table):
    X, y = table
    before = X.copy(), y.copy()
    mlp(epochs=1).fit(X, y).predict(X)
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


def test_a_classical_estimator_takes_images_and_tables(images, labels, table):
    assert ImageClassifier("logistic-regression", C=0.5).fit(images, labels).score(images, labels) > 0.95
    assert ImageClassifier("logistic-regression").fit(*table).score(*table) > 0.95


def test_a_pipeline(table):
    X, y = table
    pipeline = make_pipeline(StandardScaler(), mlp(epochs=20))
    pipeline.set_params(imageclassifier__hidden=8, imageclassifier__optimizer__beta_1=0.8)
    assert pipeline.fit(X, y).score(X, y) > 0.9
    trained = pipeline[-1].trained_
    assert trained.spec.parameters["hidden"] == 8
    assert trained.spec.training.optimizer.beta_1 == 0.8


def test_a_search_over_the_presets_own_names(table):
    X, y = table
    grid = {"epochs": np.array([1, 12]), "hidden": [4, 32], "optimizer__weight_decay": [1e-4]}
    search = GridSearchCV(mlp(), grid, cv=2).fit(X, y)
    assert search.best_params_["epochs"] == 12
    assert search.best_estimator_.trained_.spec.parameters["hidden"] == search.best_params_["hidden"]
    assert search.best_estimator_.n_iter_ == 12


def test_threads_that_fit_at_once_do_not_disturb_each_other(images, labels):
    alone = cross_val_score(cnn(epochs=1, dropout=0.5), images, labels, cv=3)
    with joblib.parallel_config("threading", n_jobs=3):
        together = cross_val_score(cnn(epochs=1, dropout=0.5), images, labels, cv=3)
    assert alone.tolist() == together.tolist()


def test_a_clone_has_every_argument_and_nothing_fitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert copy.get_params()["min_steps"] == 4
    assert "min_steps=4" in repr(copy)
    assert not hasattr(copy, "classes_")


def test_the_seed_decides_all_and_nothing_else_does(table):
    X, y = table

    def probabilities(random_state):
        return mlp(epochs=2, random_state=random_state).fit(X, y).predict_proba(X)

    assert np.array_equal(probabilities(5), probabilities(5))
    assert not np.array_equal(probabilities(5), probabilities(6))
    drawn = probabilities(np.random.RandomState(5))
    assert np.array_equal(drawn, probabilities(np.random.RandomState(5)))
    np.random.seed(5)  # noqa: NPY002 - scikit-learn's meaning of None is this global stream
    assert np.array_equal(drawn, probabilities(None))


def test_a_seed_leaves_the_global_random_states_alone(table):
    import torch

    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    mlp(epochs=1).fit(*table).predict(table[0])
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002


def test_early_stopping_holds_out_a_share_of_each_class_and_stops(table):
    X, _ = table
    y = np.random.default_rng(0).permutation(np.arange(90) % 3)  # nothing to learn
    classifier = mlp(epochs=100, early_stopping=True, patience=2, validation_fraction=0.2).fit(X, y)
    assert classifier.trained_.facts["validation_images"] == 18
    assert classifier.trained_.facts["stopped_early"]
    assert classifier.n_iter_ == classifier.trained_.facts["best_epoch"] + 2
    assert classifier.history_[0]["validation_accuracy"] is not None


def test_a_presets_own_patience_is_overridden_as_well(images, labels):
    plan = module.read_arguments(ImageClassifier("cnn", early_stopping=True, patience=3).get_params())
    assert plan.spec.parameters["patience"] == plan.spec.training.early_stopping.patience == 3
    assert plan.spec.training.early_stopping.restore_best_weights


def test_too_few_images_to_hold_some_out_are_refused(table):
    X, y = table
    with pytest.raises(ArrayError, match=r"validation_fraction=0\.01"):
        mlp(early_stopping=True, validation_fraction=0.01).fit(X, y)


def test_every_wrong_argument_is_told_at_once(table):
    classifier = ImageClassifier(
        "mlp-128",
        image_shape=(28,),
        epochs=0,
        hiden=4,
        imageshape=(2, 2),
        early_stopping="yes",
        patience=-1,
        validation_fraction=2,
        random_state=-1,
        optimizer__momentun=0.9,
    )
    with pytest.raises(ParameterError) as caught:
        classifier.fit(*table)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, SpecError)
    message = str(caught.value)
    assert "9 problems" in message or "10 problems" in message
    for part in (
        "image_shape: received (28,)",
        "epochs: received 0; 1 to 1000",
        "hiden: unknown (did you mean 'hidden'?)",
        "imageshape: unknown (did you mean 'image_shape'?)",
        "early_stopping: received 'yes'",
        "patience: received -1",
        "validation_fraction: received 2",
        "random_state: received -1",
        "momentun: unknown key (did you mean 'momentum'?)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"model": "cnn3"}, "did you mean 'cnn-3'"),
        ({"model": 3}, "model: received 3"),
        ({"model": "no-such.yml"}, "no-such.yml cannot be read"),
        ({"model": "logistic-regression", "early_stopping": True}, "fitted in one go"),
        ({"model": "logistic-regression", "epochs": 3}, "epochs: unknown"),
        ({"optimizer": "adam", "optimizer__momentum": 0.1}, "optimizer__momentum: unknown"),
        ({"verbose": "loud"}, "verbose: received 'loud'"),
        ({"image_shape": (28, 28, -1)}, "image_shape"),
        ({"image_shape": 28}, "image_shape"),
    ],
)
def test_a_wrong_argument_is_named(arguments, part, table):
    with pytest.raises(ParameterError, match="ImageClassifier") as caught:
        ImageClassifier(**{"model": "mlp-128", **arguments}).fit(*table)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("X", "arguments", "part"),
    [
        (np.zeros((6, 12)), {}, "n_features = 12, which is no square image"),
        (np.zeros((6, 12)), {"image_shape": (3, 3)}, "n_features = 12 and image_shape=(3, 3)"),
        (np.zeros((6, 12)), {"image_shape": (5, -1)}, "n_features = 12 and image_shape=(5, -1)"),
        (np.zeros((6, 4, 4, 2)), {}, "images of shape (4, 4, 2)"),
        (np.zeros((6, 2, 4, 4, 1)), {}, "images of shape (2, 4, 4, 1)"),
        (np.zeros((6, 2, 2)), {"y": np.zeros(6)}, "1 class"),
    ],
)
def test_arrays_that_are_no_images_are_told(X, arguments, part):
    y = arguments.pop("y", np.arange(6) % 2)
    with pytest.raises(ArrayError) as caught:
        cnn(**arguments).fit(X, y)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DataError)
    assert part in str(caught.value)


def test_layers_that_do_not_fit_the_images_are_named(tmp_path):
    spec = tmp_path / "own.yml"
    spec.write_text("type: network\nlayers: [{conv2d: {filters: 2, kernel_size: 5}}, flatten, {dense: $classes}]\n")
    with pytest.raises(ParameterError, match=r"layer 1 \(conv2d\) got 3×3×1.*n_features = 9"):
        ImageClassifier(str(spec)).fit(np.zeros((6, 9)), np.arange(6) % 2)


def test_a_table_is_not_turned_and_shifted(table):
    with pytest.raises(ParameterError, match="augment"):
        mlp(augment="affine-light").fit(*table)


def test_images_of_another_shape_are_not_predicted(fitted, images):
    with pytest.raises(ArrayError, match=r"\(9, 16\)"):
        fitted.predict(images.reshape(-1, 9, 16))
    with pytest.raises(ValueError, match="25 features"):
        fitted.predict(np.zeros((2, 25), np.uint8))


def test_a_classifier_of_bytes_refuses_other_numbers(fitted, images):
    for X in (images / 255.0, images.astype(np.int64) + 200):
        with pytest.raises(ArrayError, match="whole ones from 0 to 255"):
            fitted.predict(X)


def test_no_answer_is_made_up_for_numbers_out_of_all_bounds(table):
    X, y = table
    classifier = mlp(epochs=1).fit(X, y)
    far = X[:4].copy()
    far[2] = 1e300
    with pytest.raises(ArrayError, match="row 2"):
        classifier.predict(far)


def test_progress_is_shown_only_if_asked(table, capsys, monkeypatch):
    monkeypatch.setattr("pigeonhole.core.progress.QUIET_S", -1.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("pigeonhole.core.progress.time.perf_counter", iter(range(10_000)).__next__)
    mlp(epochs=2).fit(*table)
    assert capsys.readouterr().err == ""
    mlp(epochs=2, verbose=True).fit(*table)
    assert "fit mlp-128" in capsys.readouterr().err


def test_the_example_in_its_documentation_runs():
    examples = doctest.DocTestFinder(recurse=False).find(ImageClassifier, globs={})
    results = [doctest.DocTestRunner().run(example) for example in examples]
    assert sum(result.attempted for result in results) >= 7
    assert sum(result.failed for result in results) == 0


def test_the_name_alone_loads_no_torch():
    code = "import sys, pigeonhole; pigeonhole.ImageClassifier('cnn-3', hidden=3); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_a_number_far_below_its_column_is_no_reason_for_naive_bayes_to_refuse_the_table(table):
    X_ND, y_N = table
    X_ND = X_ND.copy()
    X_ND[3, 2] -= 100 * X_ND[:, 2].std()
    classifier = ImageClassifier("multinomial-naive-bayes").fit(X_ND, y_N)
    probs_NK = classifier.predict_proba(X_ND)
    assert np.allclose(probs_NK.sum(axis=1), 1)
    others = np.arange(len(X_ND)) != 3
    assert classifier.score(X_ND[others], y_N[others]) > 0.5
