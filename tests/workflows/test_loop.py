"""The loop on real images: what each stage hands on, and what its gates refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole.core.errors import ConflictError, GateError, NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import Dataset

from .conftest import NETWORK, QUICK, Walked


def ingest_bright(folder: Path, space: Workspace, name: str = "bright", **options: Any) -> Dataset:
    """Images of 2×2, dark or light: where the numbers do not matter, they cost next to nothing."""
    table = folder / "table.csv"
    rows = [f"{n % 2},{','.join(['220' if n % 2 else '30'] * 4)}" for n in range(60)]
    table.write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]) + "\n", encoding="utf-8")
    return ph.ingest(table, name=name, classes=["dark", "light"], workspace=space, **options).dataset


def test_evaluation_is_honest_and_complete(walked: Walked) -> None:
    run = ph.run(walked.network, workspace=walked.space)
    figures = run.evaluation
    assert figures is not None
    assert figures["split"] == "test"
    assert figures["n"] == 500
    assert figures["accuracy"]["low"] < figures["accuracy"]["value"] < figures["accuracy"]["high"]
    assert figures["accuracy"]["value"] > 0.9
    assert {
        "auc_weighted",
        "log_loss",
        "calibration_error",
        "f1",
        "precision",
        "recall",
        "by_class",
        "confusion_matrix",
    } <= set(figures)
    assert np.sum(figures["confusion_matrix"]["data"]["matrix"]) == 500
    assert all(Path(picture).is_file() for picture in figures["pictures"])


def test_training_reports_validation(walked: Walked) -> None:
    assert "validation_accuracy" in ph.run(walked.network, workspace=walked.space).metrics


def test_a_new_run_has_not_seen_the_test_split_and_is_not_registered_and_each_look_is_counted(
    space: Workspace, tmp_path: Path
) -> None:
    dataset = ingest_bright(tmp_path, space)
    run = ph.train("bright", model="logistic-regression", workspace=space)
    assert not any("test" in name for name in run.metrics)
    with pytest.raises(GateError, match="not evaluated"):
        ph.register(run.run_id, name="bright", workspace=space)
    assert ph.list_models(workspace=space) == []
    assert dataset.test_looks() == []
    assert ph.evaluate(run.run_id, workspace=space).test_looks == 1
    assert ph.evaluate(run.run_id, workspace=space).test_looks == 2
    assert dataset.test_looks()[0]["looker"] == run.run_id


def test_without_a_test_split_every_figure_says_validation(walked: Walked, tmp_path: Path) -> None:
    ingest_bright(tmp_path, walked.space, name="untested", test=0)
    run = ph.train("untested", model="logistic-regression", workspace=walked.space).run_id
    report = ph.evaluate(run, workspace=walked.space)
    assert report.split == "validation"
    assert not any(name.startswith("test_") for name in ph.run(run, workspace=walked.space).metrics)
    model = ph.register(run, name="untested", workspace=walked.space)
    assert model.metrics["split"] == "validation"


def test_no_run_folder_holds_a_pickle(walked: Walked) -> None:
    names = {path.suffix for path in walked.space.folder("runs").rglob("*") if path.is_file()}
    assert not names & {".pkl", ".pickle", ".pt", ".pth", ".joblib", ".bin"}
    for path in walked.space.folder("runs").rglob("*.npy"):
        np.load(path, allow_pickle=False)


def test_a_run_below_the_least_accuracy_is_not_registered(walked: Walked) -> None:
    with pytest.raises(GateError, match=r"at least 99\.99%"):
        ph.register(walked.estimator, name="strict", min_accuracy=0.9999, workspace=walked.space)
    assert "strict" not in {model.name for model in ph.list_models(workspace=walked.space)}


def test_an_export_that_differs_is_not_registered(walked: Walked) -> None:
    run = ph.train("digits", model=NETWORK, settings={"epochs": 1}, workspace=walked.space)
    ph.evaluate(run.run_id, workspace=walked.space)
    kept = Path(run.folder) / "arrays" / "verification_probs.npy"
    probs_NK = np.load(kept)
    np.save(kept, np.roll(probs_NK, 1, axis=1))
    with pytest.raises(GateError):
        ph.register(run.run_id, name="differs", workspace=walked.space)
    assert not (Path(run.folder) / "bundle").exists()
    assert "differs" not in {model.name for model in ph.list_models(workspace=walked.space)}


def test_the_first_version_is_champion_and_the_next_challenger(walked: Walked) -> None:
    first = ph.register(walked.estimator, name="aliases", workspace=walked.space)
    second = ph.register(walked.network, name="aliases", workspace=walked.space)
    assert (first.aliases, second.aliases) == (("champion",), ("challenger",))
    ph.promote(second.ref, workspace=walked.space)
    assert ph.model("aliases@champion", workspace=walked.space).ref == second.ref


def test_runs_are_compared_on_the_same_images(walked: Walked, tmp_path: Path) -> None:
    pair = [walked.network, walked.estimator]
    rows = ph.compare_runs(pair, picture=tmp_path / "pictures", workspace=walked.space).runs
    assert (tmp_path / "pictures" / "comparison.png").is_file()
    assert rows[0]["p"] is None
    assert 0 <= rows[1]["p"] <= 1
    for row in rows:
        assert row["seconds"] > 0
        assert row["parameters"] > 0
        assert row["peak_memory_bytes"] > 0
        assert row["bundle_size_bytes"] > 0
        assert row["latency_ms"] > 0


def test_comparing_needs_two_runs(walked: Walked) -> None:
    with pytest.raises(UsageError):
        ph.compare_runs([walked.network], workspace=walked.space)


def test_a_run_starts_from_anothers_checkpoint_and_says_so(walked: Walked) -> None:
    run = ph.train(
        "digits",
        model=NETWORK,
        settings={"epochs": 7},
        resume_from=f"{walked.network}:1",
        workspace=walked.space,
    )
    assert run.parent == f"{walked.network}:1"
    steps = ph.lineage(run.run_id, workspace=walked.space)
    assert [step.name for step in steps if step.kind == "run"] == [run.run_id, walked.network]


def test_lineage_walks_from_the_model_to_the_source(walked: Walked) -> None:
    steps = ph.lineage("digits@champion", workspace=walked.space)
    assert [step.kind for step in steps] == ["model", "bundle", "run", "dataset", "source"]
    assert steps[3].name == "digits:1"


def test_what_is_needed_is_not_removed(walked: Walked) -> None:
    with pytest.raises(ConflictError):
        ph.remove_dataset("digits:1", workspace=walked.space)
    with pytest.raises(ConflictError, match="digits:1"):
        ph.remove_run(walked.network, workspace=walked.space)


def test_files_are_predicted_without_a_server(walked: Walked, tmp_path: Path) -> None:
    ph.export_dataset("digits", to=tmp_path / "out", format="folder", split="validation", workspace=walked.space)
    files = sorted((tmp_path / "out").rglob("*.png"))[::25]
    found = ph.predict("digits@champion", files, workspace=walked.space)
    right = [item.label == Path(item.file).parent.name for item in found]
    assert np.mean(right) > 0.8
    assert all(abs(sum(item.probabilities.values()) - 1) < 1e-4 for item in found)


def test_a_registered_model_leaves_under_its_name_and_version(walked: Walked, tmp_path: Path) -> None:
    made = ph.package("digits@champion", to=tmp_path / "out", workspace=walked.space)
    assert (made.model, made.name, made.image) == ("digits:1", "digits", "digits:1")
    assert made.bundle_sha256 == ph.model("digits:1", workspace=walked.space).bundle_sha256


def test_an_onnx_file_from_elsewhere_is_registered(walked: Walked, tmp_path: Path) -> None:
    bundle = ph.model("digits:1", workspace=walked.space).folder
    file = tmp_path / "elsewhere.onnx"
    file.write_bytes((bundle / "model.onnx").read_bytes())
    model = ph.register_onnx(file, name="elsewhere", samples="digits", workspace=walked.space)
    assert model.aliases == ("champion",)
    assert model.run_id is None
    images = ph.dataset("digits", workspace=walked.space).validation.images_NHWC[:50]
    from pigeonhole import bundle as room

    np.testing.assert_allclose(
        room.load(model.folder).predict(images).probs_NK, room.load(bundle).predict(images).probs_NK, atol=1e-5
    )


def test_status_says_what_comes_next(space: Workspace, tmp_path: Path) -> None:
    assert "ingest" in ph.status(workspace=space).next
    ingest_bright(tmp_path, space, name="digits")
    assert "train digits:1" in ph.status(workspace=space).next
    run = ph.train("digits", model="logistic-regression", workspace=space).run_id
    assert f"evaluate {run}" in ph.status(workspace=space).next
    ph.evaluate(run, workspace=space)
    assert f"register {run}" in ph.status(workspace=space).next
    ph.register(run, name="digits", workspace=space)
    assert "deploy digits:1" in ph.status(workspace=space).next


def test_results_are_json(walked: Walked) -> None:
    for result in (
        ph.run(walked.network, workspace=walked.space),
        ph.model("digits:1", workspace=walked.space),
        ph.dataset("digits", workspace=walked.space),
        ph.status(workspace=walked.space),
        ph.compare_runs([walked.network, walked.estimator], workspace=walked.space),
        ph.doctor(),
    ):
        json.dumps(result.to_dict(), allow_nan=False)


def test_the_line_that_makes_a_run_again_makes_the_same_weights_and_what_nothing_needs_is_removed(
    walked: Walked,
) -> None:
    run = ph.run(walked.network, workspace=walked.space)
    assert run.command() == "pigeonhole train digits:1 --model mlp-128 --seed 0 --set epochs=6"
    again = ph.train("digits:1", model=NETWORK, settings=QUICK, seed=0, workspace=walked.space)
    names = [Path(item.folder) / "training" / "model.safetensors" for item in (run, again)]
    assert names[0].read_bytes() == names[1].read_bytes()
    ph.remove_run(again.run_id, workspace=walked.space)
    with pytest.raises(NotFoundError):
        ph.run(again.run_id, workspace=walked.space)


def test_a_foreign_models_labels_may_stand_in_another_order(walked: Walked, tmp_path: Path) -> None:
    """The scale is found by comparing labels, so they must be compared by name."""
    file = tmp_path / "reversed.onnx"
    write_mean_classifier(file)
    ingest_bright(tmp_path, walked.space)
    model = ph.register_onnx(file, name="bright", labels=["light", "dark"], samples="bright", workspace=walked.space)
    assert model.lineage["imported"]["sample_accuracy_by_scale"]["0-1"] == 1.0
    with pytest.raises(UsageError, match="lack dark"):
        ph.register_onnx(file, name="bright", labels=["light", "heavy"], samples="bright", workspace=walked.space)
    with pytest.raises(ConflictError, match="model bright:1"):
        ph.remove_dataset("bright", workspace=walked.space)


def write_mean_classifier(path: Path) -> None:
    """An ONNX model for images of 2×2 on 0–1: class 0 above a mean of one half, else class 1."""
    import onnx
    from onnx import TensorProto, helper

    weights = np.array([[2.5, -2.5]] * 4, np.float32)
    offset = np.array([-5.0, 5.0], np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 2, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("b", TensorProto.FLOAT, offset.shape, offset),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_a_model_version_number_is_never_given_twice(walked: Walked) -> None:
    first = ph.register(walked.estimator, name="numbers", workspace=walked.space)
    ph.remove_model(first.ref, workspace=walked.space)
    assert ph.register(walked.network, name="numbers", workspace=walked.space).ref == "numbers:2"


def test_a_run_killed_before_mlflow_knew_of_its_end_is_gone_on_with_and_one_that_ended_is_trained_anew(
    space: Workspace, tmp_path: Path
) -> None:
    ingest_bright(tmp_path, space)
    run = ph.train("bright", model="logistic-regression", workspace=space)
    record = Path(run.folder) / "run.json"
    kept = json.loads(record.read_text())
    record.write_text(json.dumps({**kept, "settled_at": None}))
    again = ph.train("bright", model="logistic-regression", workspace=space)
    assert again.run_id == run.run_id
    assert ph.train("bright", model="logistic-regression", workspace=space).run_id != run.run_id


def test_status_survives_a_failure_without_words(space: Workspace) -> None:
    ph.ingest("mnist-5k", name="digits", workspace=space)

    class Failing:
        def on_start(self, facts: dict[str, object]) -> None:
            raise MemoryError

        def on_epoch(self, record: dict[str, object]) -> None: ...

    with pytest.raises(MemoryError):
        ph.train("digits", model="logistic-regression", workspace=space, view=Failing())
    assert "failed" in ph.status(workspace=space).attention[0]
