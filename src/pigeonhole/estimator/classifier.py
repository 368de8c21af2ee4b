"""The classifier itself: scikit-learn's contract around `models.fit`. Trains nothing and reads no files itself.

Axes: N images, H height, W width, C channels, D = H·W·C features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from pigeonhole.bundle import Bundle
from pigeonhole.core.errors import ArrayError, ParameterError
from pigeonhole.estimator import bundling, saving
from pigeonhole.estimator.arguments import Plan, read_arguments
from pigeonhole.estimator.inputs import DTYPES, Array, Inputs, flat, image_shape_of, square, takes_counts, takes_tables
from pigeonhole.estimator.training import train
from pigeonhole.models.settings import Augmentation
from pigeonhole.models.trained import Floats, Labels, Trained


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any preset, or any network of a YAML file, as a scikit-learn classifier.

    X is one of: images (N, H, W) or (N, H, W, C) with 1 or 3 channels; or rows (N, D), which networks with
    convolutions read as images by `image_shape`, and which `mlp-128` and the estimators also take as a table of any
    features. Numbers may be of any scale: uint8 are pixels and stay as they are in memory; all others are
    standardised by the training data, images by one scale for all pixels and a table column by column. y has a
    label an image, of any type that sorts, and two or more different ones. Neither is ever changed.

    All arguments are checked in `fit`, all problems in one message. An argument that is `None` has the preset's own
    value. Fitting twice with one `random_state` on one machine gives the same classifier to the last bit. It
    leaves NumPy's and torch's global random states alone, but for the one number that `random_state=None` draws.

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from pigeonhole import ImageClassifier
    >>> X, y = load_digits(return_X_y=True)  # 1,797 rows of 64 pixels
    >>> classifier = ImageClassifier("cnn-3", epochs=4, random_state=0).fit(X[:600], y[:600])
    >>> classifier.score(X[600:], y[600:]) > 0.9
    True
    >>> classifier.predict_proba(X[600:602]).shape
    (2, 10)
    >>> scores = cross_val_score(ImageClassifier("mlp-128", batch_size=32, random_state=0), X, y, cv=2)
    >>> float(scores.mean()) > 0.9
    True

    Args:
        model: a preset's key, or the path of a `.yml` file of the same form.
        image_shape: (height, width) or (height, width, channels) of the images in the rows of X, one of the first
            two -1 to follow from the others; `None` means square grey images, or a table where the model takes one.
        epochs: passes over the training images.
        batch_size: images a step.
        learning_rate: the highest rate of the schedule.
        dropout: share of units set to zero while training.
        hidden: units of the hidden layer.
        early_stopping: whether to hold out images, keep the weights that are best on them, and stop when they are no
            longer beaten. `False` trains on all images and keeps the last weights. For networks.
        patience: epochs without better weights before `early_stopping` stops; 0 never stops.
        validation_fraction: share of each class held out, with `early_stopping` only.
        random_state: the seed; a `RandomState`, or NumPy's own for `None`, draws one.
        verbose: whether to show progress on stderr.
        **settings: any other parameter of the preset, and fields of a network's training, with two underscores for a
            dot (`optimizer__weight_decay=1e-4`). `get_params`, `set_params` and searches know them.

    Attributes:
        classes_: the labels (K,), sorted.
        n_features_in_: D.
        feature_names_in_: the columns' names (D,), if X was a data frame with names.
        image_shape_: (H, W, C) of the images; for a table (1, D, 1).
        n_iter_: epochs run.
        history_: a record an epoch, as in a run.
        trained_: the model itself, as `pigeonhole.models.fit` returns it.
    """

    def __init__(
        self,
        model: str = "cnn-3",
        *,
        image_shape: Sequence[int] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        hidden: int | None = None,
        early_stopping: bool = False,
        patience: int = 10,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        **settings: Any,
    ) -> None:
        self.model = model
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.hidden = hidden
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose
        self._settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every argument by name, those of `**settings` included."""
        return {**super().get_params(deep=deep), **self._settings}

    def set_params(self, **params: Any) -> Self:
        """Sets arguments by name. A name that the preset does not have is refused by `fit`."""
        own = set(self._get_param_names())
        super().set_params(**{name: value for name, value in params.items() if name in own})
        self._settings = {**self._settings, **{name: value for name, value in params.items() if name not in own}}
        return self

    def fit(self, X: Any, y: Any) -> Self:
        """Trains anew, whatever was fitted before.

        Args:
            X: images or rows; see the class.
            y: labels (N,).

        Raises:
            ParameterError: arguments are wrong, or the layers do not fit the images; it is a `ValueError`.
            ArrayError: X or y cannot be used; it is a `ValueError`.
            TrainingError: the loss is not finite.
            MissingDependencyError: a package that the model needs is not installed.
        """
        plan = read_arguments(self.get_params(deep=False))
        X_ND, came_as = flat(X)
        X_ND, y_N = validate_data(self, X_ND, y, dtype=DTYPES)
        self.classes_, labels_N = _classes(y_N)
        inputs = self._learn_inputs(plan, X_ND, came_as)
        names = tuple(map(str, self.classes_))
        self._take(train(plan, inputs.images(X_ND), labels_N, names, verbose=bool(self.verbose)), inputs)
        return self

    def _take(self, trained: Trained, inputs: Inputs) -> None:
        self._inputs = inputs
        self.trained_ = trained
        self.image_shape_ = inputs.shape_HWC
        self.history_ = trained.history
        self.n_iter_ = len(trained.history)

    def _learn_inputs(self, plan: Plan, X_ND: Array, came_as: tuple[int, ...] | None) -> Inputs:
        shape_HWC = image_shape_of(X_ND.shape[1], came_as, self.image_shape)
        if shape_HWC is None and not takes_tables(plan.spec):
            shape_HWC = square(X_ND.shape[1], plan.spec.model)
        if shape_HWC is None and plan.spec.training and plan.spec.training.augment != Augmentation():
            raise ParameterError(
                "ImageClassifier: augment for rows that are not known to be images",
                "augment='none', or images",
                "set image_shape=(height, width) or (height, width, channels)",
            )
        return Inputs.learn(X_ND, shape_HWC, from_0=takes_counts(plan.spec))

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities (N, K) in float32, a column for each of `classes_`; each row sums to 1.

        Args:
            X: images or rows of as many numbers as in `fit`.

        Raises:
            NotFittedError: `fit` was not called.
            ArrayError: X cannot be used; it is a `ValueError`.
        """
        check_is_fitted(self)
        X_ND, came_as = flat(X)
        self._inputs.check_shape(came_as)
        X_ND = validate_data(self, X_ND, reset=False, dtype=DTYPES)
        probs_NK = self.trained_.probabilities(self._inputs.images(X_ND))
        if not np.isfinite(probs_NK).all():
            raise ArrayError(
                f"X with numbers so far from the training data that row {_first_bad_row(probs_NK)} has no probability",
                "numbers of about the scale of the training data",
                "look at that row of X",
            )
        return probs_NK

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable label of each image (N,), the first of `classes_` where some are equally probable.

        Args:
            X: images or rows of as many numbers as in `fit`.

        Raises:
            NotFittedError: `fit` was not called.
            ArrayError: X cannot be used; it is a `ValueError`.
        """
        labels_N = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[Any] = self.classes_[labels_N]
        return predicted

    def save(self, folder: str | Path) -> None:
        """Writes a fitted network to a folder, without pickle: safetensors and JSON.

        What was saved there before is replaced only once the new files are whole.

        Raises:
            NotFittedError: `fit` was not called.
            UsageError: an estimator was fitted, which has no such files.
            ConflictError: the folder holds something else.
            DataError: the disk is full.
        """
        check_is_fitted(self)
        saving.save(self, self._inputs, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What `save` wrote; it predicts the same to the last bit.

        Raises:
            NotFoundError: no classifier is there.
            DataError: the files are damaged, or a later release's.
            MissingDependencyError: torch is not installed.
        """
        return saving.load(cls, Path(folder))

    def to_bundle(self, folder: str | Path, X: Any, y: Any) -> Bundle:
        """A verified bundle of a classifier that was fitted on uint8 images; `pigeonhole serve FOLDER` answers with it.

        Its labels are `classes_` as text.

        Args:
            folder: where the bundle is to stand.
            X: the images of `fit`, not test images: up to 1,000 of them verify the export, and drift is measured
                against them.
            y: their labels.

        Raises:
            NotFittedError: `fit` was not called.
            UsageError: it was fitted on other numbers than uint8.
            ArrayError: X or y cannot be used, or a label is none of `classes_`.
            GateError: the export does not give the classifier's own probabilities; no bundle is left.
            ConflictError: the folder holds something else.
            MissingDependencyError: an export package is not installed.
        """
        check_is_fitted(self)
        X_ND, came_as = flat(X)
        self._inputs.check_shape(came_as)
        X_ND, y_N = validate_data(self, X_ND, y, reset=False, dtype=DTYPES)
        labels_N = bundling.class_numbers(self.classes_, y_N)
        return bundling.to_bundle(self.trained_, self._inputs, X_ND, labels_N, Path(folder))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        return {**state, "trained_": saving.pack(self.trained_)} if "trained_" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "trained_" in state:
            state = {**state, "trained_": saving.unpack(state["trained_"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may assume: rows or images come in, labels of any kind."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        # As scikit-learn says of its own: it sees shares of counts, and a table of two columns has hardly any.
        tags.classifier_tags.poor_score = self.model == "multinomial-naive-bayes"
        return tags


def _classes(y_N: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Labels]:
    check_classification_targets(y_N)
    classes_K, labels_N = np.unique(y_N, return_inverse=True)
    if len(classes_K) < 2:
        raise ArrayError(
            f"y with 1 class, {classes_K[0]!r}", "labels of two or more classes", "add images of another class"
        )
    return classes_K, labels_N.astype(np.int64, copy=False)


def _first_bad_row(probs_NK: Floats) -> int:
    return int(np.flatnonzero(~np.isfinite(probs_NK).all(axis=1))[0])
