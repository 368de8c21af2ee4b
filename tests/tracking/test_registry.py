from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pigeonhole import bundle, tracking
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking.store import open_client
from tests.tracking import bands


@pytest.fixture
def run(start):
    with start() as run:
        run.append_epoch({"epoch": 1, "train_loss": 0.5})
        run.finish({"validation_accuracy": 0.9})
    bands.write(run.bundle)
    return run


@pytest.fixture
def bundle_of(tmp_path):
    def make(sharpness):
        folder = tmp_path / f"bundle-{sharpness}"
        bands.write(folder, sharpness)
        return folder

    return make


def test_a_version_is_the_bundle_with_where_it_comes_from(workspace, run):
    version = tracking.register(workspace, run.bundle, name="digits", run_id=run.id[:-1], metrics={"accuracy": 0.9})
    assert (version.ref, version.aliases, version.run_id) == ("digits:1", ("champion",), run.id)
    assert version.dataset == "digits:1"
    assert version.metrics == {"accuracy": 0.9}
    assert version.class_names == bands.NAMES
    loaded = bundle.load(version.folder)
    assert loaded.sha256 == version.bundle_sha256
    loaded.check_probe()
    assert json.loads(json.dumps(version.to_dict()))["ref"] == "digits:1"
    client = open_client(workspace)
    entry = client.get_model_version("digits", "1")
    assert entry.run_id == run.mlflow_run_id
    assert client.get_run(entry.run_id).data.tags["pigeonhole.dataset"] == "digits:1"


def test_the_first_is_champion_and_later_ones_challenge(workspace, bundle_of):
    for sharpness in (1.0, 2.0, 3.0):
        tracking.register(workspace, bundle_of(sharpness), name="digits")
    versions = tracking.list_versions(workspace)
    assert [(version.version, version.aliases) for version in versions] == [
        (3, ("challenger",)),
        (2, ()),
        (1, ("champion",)),
    ]
    assert tracking.resolve(workspace, "digits").version == 1
    assert tracking.resolve(workspace, "digits@champion").version == 1
    assert tracking.resolve(workspace, "digits@challenger").version == 3
    assert tracking.resolve(workspace, "digits@latest").version == 3
    assert tracking.resolve(workspace, "digits:2").version == 2


def test_the_same_bundle_under_the_same_name_is_the_same_version(workspace, bundle_of):
    first = tracking.register(workspace, bundle_of(1.0), name="digits")
    assert tracking.register(workspace, bundle_of(1.0), name="digits") == first
    assert tracking.register(workspace, bundle_of(1.0), name="other").ref == "other:1"


def test_promoting_moves_the_alias(workspace, bundle_of):
    for sharpness in (1.0, 2.0):
        tracking.register(workspace, bundle_of(sharpness), name="digits")
    assert tracking.promote(workspace, "digits@challenger").aliases == ("champion",)
    assert tracking.resolve(workspace, "digits").version == 2
    assert tracking.resolve(workspace, "digits:1").aliases == ()
    assert tracking.promote(workspace, "digits:1", "fallback").aliases == ("fallback",)
    for alias in ("latest", "v1", "9", "a b"):
        with pytest.raises(UsageError):
            tracking.promote(workspace, "digits:1", alias)


def test_an_alias_moved_with_any_mlflow_client_counts(workspace, bundle_of):
    for sharpness in (1.0, 2.0):
        tracking.register(workspace, bundle_of(sharpness), name="digits")
    open_client(workspace).set_registered_model_alias("digits", "champion", "2")
    assert tracking.resolve(workspace, "digits").version == 2


def test_removing(workspace, bundle_of):
    for sharpness in (1.0, 2.0):
        tracking.register(workspace, bundle_of(sharpness), name="digits")
    with pytest.raises(ConflictError, match="endpoint digits"):
        tracking.remove(workspace, "digits:2", ["endpoint digits"])
    with pytest.raises(ConflictError, match="is the champion"):
        tracking.remove(workspace, "digits:1")
    gone = tracking.remove(workspace, "digits:2")
    assert not gone.folder.exists()
    with pytest.raises(NotFoundError, match="no version 2"):
        tracking.resolve(workspace, "digits:2")
    tracking.remove(workspace, "digits:1")
    assert tracking.list_versions(workspace) == []
    assert tracking.register(workspace, bundle_of(1.0), name="digits").aliases == ("champion",)


def test_an_empty_workspace_is_answered_without_making_a_store(fresh):
    with pytest.raises(NotFoundError, match="pigeonhole register RUN --as digits"):
        tracking.resolve(fresh, "digits")
    assert tracking.list_versions(fresh) == []
    assert not (fresh.root / "mlflow.db").exists()


def test_what_is_not_there_is_said_with_what_is(workspace, bundle_of):
    with pytest.raises(NotFoundError, match="pigeonhole register RUN --as digits"):
        tracking.resolve(workspace, "digits")
    tracking.register(workspace, bundle_of(1.0), name="digits")
    with pytest.raises(NotFoundError, match="did you mean 'digits'"):
        tracking.resolve(workspace, "digit")
    with pytest.raises(NotFoundError, match="no @challenger"):
        tracking.resolve(workspace, "digits@challenger")
    for wrong in ("digits:", "digits:x", "di gits", "", "digits@", "../x"):
        with pytest.raises(UsageError):
            tracking.resolve(workspace, wrong)


def test_damaged_bundles_wrong_names_and_unknown_runs_are_refused(workspace, bundle_of):
    folder = bundle_of(1.0)
    with pytest.raises(UsageError, match="model name"):
        tracking.register(workspace, folder, name="no/slash")
    with pytest.raises(NotFoundError, match="no run"):
        tracking.register(workspace, folder, name="digits", run_id="cnn-zzzzzz")
    (folder / "labels.json").write_text('["x", "y", "z"]')
    with pytest.raises(DataError, match=r"labels\.json"):
        tracking.register(workspace, folder, name="digits")
    assert tracking.list_versions(workspace) == []


_FOREIGN = """
import sys

class NotHere:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] == "pigeonhole":
            raise ImportError(name)

sys.meta_path.insert(0, NotHere)
import json, mlflow, numpy as np
images = np.load(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/digits@champion")
print(json.dumps({"probabilities": model.predict(images)["probabilities"].tolist(),
                  "type": str(model.metadata.signature.inputs.inputs[0].type),
                  "labels": model.metadata.metadata["labels"],
                  "flavor": list(model.metadata.flavors)}))
try:
    model.predict(images.astype(np.float32) / 255)
except mlflow.MlflowException as error:
    print("refused")
onnx = mlflow.onnx.load_model("models:/digits/1")
print([i.name for i in onnx.graph.input])
"""


def predict_elsewhere(workspace, images_path):
    environment = {**os.environ, "MLFLOW_TRACKING_URI": workspace.mlflow_uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-c", _FOREIGN, str(images_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_any_mlflow_client_loads_and_predicts_without_this_package(tmp_path, workspace, run):
    tracking.register(workspace, run.bundle, name="digits", run_id=run.id)
    np.save(tmp_path / "images.npy", bands.images())
    answer, refused, inputs = predict_elsewhere(workspace, tmp_path / "images.npy")
    told = json.loads(answer)
    np.testing.assert_allclose(told["probabilities"], bands.probabilities(bands.images(), 1.0), atol=1e-6)
    assert told["type"] == "uint8"
    assert told["labels"] == list(bands.NAMES)
    assert set(told["flavor"]) == {"onnx", "python_function"}
    assert refused == "refused"
    assert inputs == "['images']"


def test_a_moved_workspace_still_serves_its_models(tmp_path, workspace, run):
    before = tracking.register(workspace, run.bundle, name="digits", run_id=run.id)
    moved = Workspace(workspace.root.rename(tmp_path / "moved"))
    after = tracking.resolve(moved, "digits")
    assert after.folder != before.folder
    bundle.load(after.folder).check_probe()
    np.save(tmp_path / "images.npy", bands.images())
    assert len(predict_elsewhere(moved, tmp_path / "images.npy")) == 3


_RACER = """
import sys
from pathlib import Path
from pigeonhole import tracking
from pigeonhole.core.workspace import Workspace
sys.stdin.read(1)
print(tracking.register(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), name="digits").ref)
"""


def test_two_registering_at_once_get_two_versions_and_one_champion(workspace, bundle_of):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(workspace.root), str(bundle_of(sharpness))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for sharpness in (1.0, 2.0)
    ]
    for racer in racers:
        racer.stdin.write("g")
        racer.stdin.flush()
    assert sorted(racer.communicate()[0].strip() for racer in racers) == ["digits:1", "digits:2"]
    assert sorted(version.aliases for version in tracking.list_versions(workspace)) == [("challenger",), ("champion",)]
