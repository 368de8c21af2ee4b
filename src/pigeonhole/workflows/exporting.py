"""A finished run's model as a verified bundle in its run folder; made once, found again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle, data, evaluation, export, models, tracking
from pigeonhole.core.errors import GateError
from pigeonhole.core.seeds import derive
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.script_models import only_onnx_file, onnx_files, whole

VERIFICATION_IMAGES = 1000
_ENOUGH = 200
# Kinds of runs whose bundle is part of making them: nothing else is kept of which it could be made later.
_EXPORTED_WHEN_MADE = {"estimator", "ensemble"}


def export_run(run: tracking.Run, source: data.Dataset, trained: models.Trained | None = None) -> bundle.Bundle:
    """The run's bundle, exported and verified if there is none yet.

    Args:
        run: open for writing; the trained model's probabilities are in it.
        source: the dataset it was trained on.
        trained: the model, if it is in memory; `None` loads it from the run.

    Raises:
        GateError: the exported model does not give the trained model's probabilities; no bundle is left.
    """
    if (run.bundle / "manifest.json").is_file():
        return bundle.load(run.bundle)
    if run.record["spec"]["kind"] == tracking.SCRIPT:
        return script_bundle(run, source)
    if trained is None:
        if run.record["spec"]["kind"] in _EXPORTED_WHEN_MADE:
            raise GateError(
                f"run {run.id} has no bundle: its training did not end", "a finished run", f"run again: {run.command()}"
            )
        trained = models.load(run.training)
    rows = run.load_array("verification_rows")
    images_NHWC = source.images_NHWC[rows]
    made = export.to_bundle(
        trained,
        folder=run.bundle,
        images_NHWC=images_NHWC,
        labels_N=source.labels_N[rows],
        expected_probs_NK=run.load_array("verification_probs"),
        training_images_NHWC=images_NHWC,
        calibration=_calibration(run, source),
        lineage={
            "run": run.id,
            "dataset": source.ref,
            "dataset_sha256": source.sha256,
            "model": run.record["model"],
            "seed": run.record["seed"],
        },
    )
    note_bundle(run, made, made.lineage["verification"]["images"])
    return made


def dataset_of(space: Workspace, run: tracking.Run) -> data.Dataset:
    """The dataset that a run was trained on.

    Raises:
        GateError: a user's script that was given none of this workspace's.
        NotFoundError: it is not there any more.
    """
    if not run.record["dataset"]:
        files = [str(file) for file in onnx_files(run)]
        raise GateError(
            f"run {run.id} is of a script whose data is no dataset of this workspace, so nothing tells its classes",
            "a script with an input azureml:NAME:VERSION",
            f"pigeonhole register {files[0] if files else 'FILE.onnx'} --as NAME --labels A,B,C --samples FOLDER",
        )
    return data.open_dataset(space, run.record["dataset"])


def script_bundle(run: tracking.Run, source: data.Dataset) -> bundle.Bundle:
    """The bundle of the ONNX model that a user's script left behind; its output k is the dataset's class k.

    Raises:
        GateError: it left none, or several.
        DataError: the model does not fit the dataset.
    """
    # Where the model errs tells what brightness it wants, and it errs on images that it has not learned.
    seed = int(run.record["seed"])
    held_out = source.rows("validation")
    rows = _some(held_out, seed) if len(held_out) >= _ENOUGH else verification_rows(source, seed)
    lineage = {key: run.record[key] for key in ("dataset", "dataset_sha256", "model", "seed", "trial")}
    made = export.import_onnx(
        whole(only_onnx_file(run), run.folder / "model.onnx"),
        labels=source.class_names,
        sample_images_NHWC=source.images_NHWC[rows],
        sample_labels_N=source.labels_N[rows],
        folder=run.bundle,
        lineage={"run": run.id, **lineage},
    )
    note_bundle(run, made, len(rows))
    return made


def note_bundle(run: tracking.Run, made: bundle.Bundle, verified: int) -> None:
    """Puts what was measured of a run's bundle among its figures."""
    latency_ms = made.lineage["performance"]["us_per_image_batch_1"] / 1000
    run.add_metrics({"bundle_size_bytes": made.size_bytes, "verified_images": verified, "latency_ms": latency_ms})


def verification_rows(source: data.Dataset, seed: int) -> npt.NDArray[np.int64]:
    """1,000 rows of training and validation images (all, if there are fewer), ascending, chosen by the seed."""
    return _some(np.sort(np.concatenate([source.rows("train"), source.rows("validation")])), seed)


def _some(rows: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    chosen = np.random.default_rng(derive(seed, "verification")).permutation(len(rows))[:VERIFICATION_IMAGES]
    some: npt.NDArray[np.int64] = rows[np.sort(chosen)]
    return some


def _calibration(run: tracking.Run, source: data.Dataset) -> dict[str, float]:
    """A temperature fitted on validation; none where there is no validation split."""
    validation = source.validation
    if not len(validation):
        return {}
    return {"temperature": evaluation.fit_temperature(validation.labels_N, run.load_array("validation_probs"))}
