"""A fitted classifier ↔ a folder of JSON and safetensors. Loading it executes no code.

`classifier.json` is written last and names the folder with the network, so a reader sees the old classifier or the
new one. A network inside a pickle, which joblib's processes and `copy.deepcopy` make, is the bytes of these files.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from pigeonhole import models
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.core.files import STAGING_PREFIX, publish, read_json, sha256_file, staged_folder, write_json
from pigeonhole.estimator.arguments import plain
from pigeonhole.estimator.inputs import Inputs
from pigeonhole.estimator.training import ONE_AT_A_TIME

if TYPE_CHECKING:
    from pigeonhole.estimator.classifier import ImageClassifier
    from pigeonhole.models.networks import TrainedNetwork

ClassifierT = TypeVar("ClassifierT", bound="ImageClassifier")
FORMAT = "pigeonhole-classifier"
FORMAT_VERSION = 1
_FILE = "classifier.json"
_NETWORK = "network-"
_KEYS = ("arguments", "classes", "n_features_in", "feature_names_in", "inputs", "network", "sha256")


def save(classifier: ImageClassifier, inputs: Inputs, folder: Path) -> None:
    """Writes a fitted classifier; see `ImageClassifier.save`."""
    trained = classifier.trained_
    if trained.kind != "network":
        raise UsageError(
            f"save of {trained.spec.model}",
            "a network; an estimator lives on as its bundle only",
            "use to_bundle",
        )
    _refuse_foreign(folder)
    name = f"{_NETWORK}{uuid.uuid4().hex[:12]}"
    with staged_folder(folder) as staged:
        cast("TrainedNetwork", trained).save(staged)
        hashes = {path.name: sha256_file(path) for path in sorted(staged.iterdir())}
        publish(staged, folder / name)
    write_json(folder / _FILE, {**_to_json(classifier, inputs), "network": name, "sha256": hashes})
    for old in folder.glob(f"{_NETWORK}*"):
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Packed:
    """A network as the bytes of its files, by name."""

    files: dict[str, bytes]


def pack(trained: models.Trained) -> models.Trained | Packed:
    """What stands for a model in a pickle: an estimator is pickled as scikit-learn does it."""
    if trained.kind != "network":
        return trained
    with tempfile.TemporaryDirectory(prefix="pigeonhole-") as folder:
        cast("TrainedNetwork", trained).save(Path(folder))
        return Packed({path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())})


def unpack(packed: models.Trained | Packed) -> models.Trained:
    """The model that `pack` was given."""
    if not isinstance(packed, Packed):
        return packed
    with tempfile.TemporaryDirectory(prefix="pigeonhole-") as folder:
        for name, content in packed.files.items():
            (Path(folder) / name).write_bytes(content)
        with ONE_AT_A_TIME:
            return models.load(Path(folder))


def _refuse_foreign(folder: Path) -> None:
    ours = (_FILE, _NETWORK, STAGING_PREFIX, f".{_FILE}")
    if folder.is_file() or (folder.is_dir() and any(not path.name.startswith(ours) for path in folder.iterdir())):
        raise ConflictError(
            f"{folder}, which holds something else", "a new folder, or a saved classifier's", "choose another folder"
        )


def _to_json(classifier: ImageClassifier, inputs: Inputs) -> dict[str, Any]:
    arguments = classifier.get_params(deep=False)
    if isinstance(arguments["random_state"], np.random.RandomState):
        arguments["random_state"] = cast("TrainedNetwork", classifier.trained_).seed
    names = getattr(classifier, "feature_names_in_", None)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "arguments": plain(arguments),
        "classes": {"dtype": classifier.classes_.dtype.str, "values": classifier.classes_.tolist()},
        "n_features_in": classifier.n_features_in_,
        "feature_names_in": None if names is None else names.tolist(),
        "inputs": {
            "shape_HWC": list(inputs.shape_HWC),
            "is_table": inputs.is_table,
            "mean_G": None if inputs.mean_G is None else inputs.mean_G.tolist(),
            "sd_G": None if inputs.sd_G is None else inputs.sd_G.tolist(),
        },
    }


def load(kind: type[ClassifierT], folder: Path) -> ClassifierT:
    """The classifier in a folder; see `ImageClassifier.load`."""
    saved = _read(folder)
    network = folder / saved["network"]
    for name, expected in saved["sha256"].items():
        if not (network / name).is_file() or sha256_file(network / name) != expected:
            raise DataError(
                f"{network / name} is not the file that was saved", "the files as written", "save the classifier again"
            )
    with ONE_AT_A_TIME:
        trained = models.load(network)
    return _restored(kind, saved, trained)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _FILE
    if not path.is_file():
        raise NotFoundError(f"no classifier in {folder}", "a folder that ImageClassifier.save wrote", "check the path")
    try:
        saved = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "JSON", "save the classifier again") from error
    found = (saved.get("format"), saved.get("format_version")) if isinstance(saved, dict) else (None, None)
    if found != (FORMAT, FORMAT_VERSION):
        raise DataError(
            f"{path} has format {found[0]!r}, version {found[1]}",
            f"{FORMAT}, version {FORMAT_VERSION}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    _refuse_damaged(path, saved)
    return cast("dict[str, Any]", saved)


def _refuse_damaged(path: Path, saved: dict[str, Any]) -> None:
    missing = {*_KEYS} - saved.keys()
    network = str(saved.get("network", ""))
    if missing or not saved["sha256"] or not network.startswith(_NETWORK) or Path(network).name != network:
        raise DataError(
            f"{path} lacks {', '.join(sorted(missing)) or 'a network of its own'}",
            f"{', '.join(_KEYS)}",
            "save the classifier again",
        )


def _restored(kind: type[ClassifierT], saved: dict[str, Any], trained: models.Trained) -> ClassifierT:
    arguments = saved["arguments"]
    if arguments["image_shape"] is not None:
        arguments["image_shape"] = tuple(arguments["image_shape"])
    classifier = kind(**arguments)
    classifier.classes_ = np.array(saved["classes"]["values"], saved["classes"]["dtype"])
    classifier.n_features_in_ = saved["n_features_in"]
    if saved["feature_names_in"] is not None:
        classifier.feature_names_in_ = np.array(saved["feature_names_in"], object)
    inputs = saved["inputs"]
    scale = None if inputs["mean_G"] is None else (np.array(inputs["mean_G"]), np.array(inputs["sd_G"]))
    mean_G, sd_G = scale or (None, None)
    height, width, channels = inputs["shape_HWC"]
    classifier._take(trained, Inputs((height, width, channels), inputs["is_table"], mean_G, sd_G))
    return classifier
