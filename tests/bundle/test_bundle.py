from __future__ import annotations

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from pigeonhole import bundle
from pigeonhole.core.errors import ConflictError, DataError, GateError, NotFoundError
from tests.bundle.tiny_onnx import CLASS_NAMES, SHAPE_HWC, band_images, expected_probs, tiny_model, write_tiny


@pytest.fixture
def written(tmp_path):
    return write_tiny(tmp_path / "bundle")


def test_a_bundle_read_back_is_the_bundle_written(written):
    again = bundle.load(written.folder)
    assert again.class_names == CLASS_NAMES
    assert again.shape_HWC == SHAPE_HWC
    assert again.calibration == {"temperature": 1.25}
    assert again.lineage == {"run": "tiny-1", "dataset": "bands:1"}
    assert again.sha256 == written.sha256
    assert again.size_bytes == sum((again.folder / name).stat().st_size for name in again.manifest["files"])
    again.check_probe()


def test_it_predicts_what_the_model_computes_elsewhere(written):
    images_NHWC, labels_N = band_images(600, seed=5)
    prediction = written.predict(images_NHWC)
    np.testing.assert_allclose(prediction.probs_NK, expected_probs(images_NHWC), atol=1e-6)
    assert prediction.embedding_ND.shape == (600, 4)
    assert written.labels(prediction.probs_NK) == [CLASS_NAMES[k] for k in labels_N]


def test_the_batch_size_does_not_change_the_answer(written):
    images_NHWC, _ = band_images(33)
    whole = written.predict(images_NHWC).probs_NK
    np.testing.assert_allclose(written.predict(images_NHWC, batch_size=4).probs_NK, whole, atol=1e-6)
    assert written.predict(images_NHWC[:0]).probs_NK.shape == (0, 3)


def test_it_takes_a_strided_view_and_leaves_it_alone(written):
    images_NHWC, _ = band_images(12)
    view, before = images_NHWC[::-2], images_NHWC.copy()
    np.testing.assert_allclose(written.predict(view).probs_NK, expected_probs(view), atol=1e-6)
    np.testing.assert_array_equal(images_NHWC, before)


@pytest.mark.parametrize(
    "images", [np.zeros((2, 6, 6, 1), np.float32), np.zeros((2, 6, 6), np.uint8), np.zeros((2, 28, 28, 1), np.uint8)]
)
def test_other_images_are_refused_with_what_is_accepted(written, images):
    with pytest.raises(DataError, match=r"uint8 of shape \(N, 6, 6, 1\)"):
        written.predict(images)


def test_threads_may_share_a_bundle(written):
    images_NHWC, _ = band_images(40)
    results = []
    threads = [threading.Thread(target=lambda: results.append(written.predict(images_NHWC).probs_NK)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for probs_NK in results:
        np.testing.assert_allclose(probs_NK, expected_probs(images_NHWC), atol=1e-6)


def test_every_changed_file_is_named(written):
    (written.folder / "labels.json").write_text('["bottom", "middle", "top"]')
    model = bytearray((written.folder / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (written.folder / "model.onnx").write_bytes(model)
    (written.folder / "probe.npz").unlink()
    with pytest.raises(DataError) as caught:
        bundle.load(written.folder)
    message = str(caught.value)
    assert "model.onnx: other content" in message
    assert "labels.json: " in message
    assert "probe.npz: missing" in message
    assert "reference.npz" not in message


def test_a_changed_manifest_is_noticed(written):
    path = written.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "shape_HWC": [6, 1, 6]}))
    with pytest.raises(DataError, match=r"manifest\.json"):
        bundle.load(written.folder)


def test_a_later_format_is_refused_by_its_number(written):
    path = written.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    with pytest.raises(DataError, match="format version 2"):
        bundle.load(written.folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "pigeonhole-bundle", "format_version": 1}'])
def test_a_broken_manifest_is_a_data_error(written, content):
    (written.folder / "manifest.json").write_text(content)
    with pytest.raises(DataError):
        bundle.load(written.folder)


def test_a_folder_without_a_bundle_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match=r"manifest\.json"):
        bundle.load(tmp_path)


def test_a_model_that_does_not_reproduce_its_probe_is_never_published(tmp_path):
    images_NHWC, _ = band_images(4)
    with pytest.raises(GateError, match="largest difference"):
        write_tiny(
            tmp_path / "bundle",
            probe_images_NHWC=images_NHWC,
            probe_probs_NK=expected_probs(images_NHWC, sharpness=11.0),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"onnx_model": b"no model"}, "cannot be run"),
        ({"onnx_model": tiny_model((8, 8, 1))}, "images is"),
        ({"onnx_model": tiny_model(n_classes=2)}, "probabilities is"),
        ({"embedding_size": 7}, "embedding is"),
        ({"class_names": ("a", "a", "b")}, "2 of them different"),
        ({"probe_images_NHWC": np.zeros((8, 6, 6), np.uint8)}, "probe images"),
        ({"probe_probs_NK": np.zeros((8, 2), np.float32)}, "probe probabilities"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_leave_nothing(tmp_path, changes, said):
    with pytest.raises(DataError, match=said):
        write_tiny(tmp_path / "bundle", **changes)
    assert list(tmp_path.iterdir()) == []


def test_writing_the_same_again_gives_the_same_and_something_else_is_refused(written):
    assert write_tiny(written.folder).sha256 == written.sha256
    with pytest.raises(ConflictError):
        write_tiny(written.folder, calibration={"temperature": 2.0})
    assert bundle.load(written.folder).calibration == {"temperature": 1.25}


def test_lineage_and_time_do_not_change_the_content_hash(tmp_path):
    first = write_tiny(tmp_path / "a", lineage={"run": "one"})
    assert write_tiny(tmp_path / "b", lineage={"run": "two"}).sha256 == first.sha256
    assert write_tiny(tmp_path / "c", calibration={}).sha256 != first.sha256


def test_the_reference_describes_classes_confidence_and_statistics(written):
    reference = written.reference
    assert int(reference["n"]) == 30
    assert reference["class_counts_K"].tolist() == [10, 10, 10]
    assert reference["predicted_counts_K"].tolist() == [10, 10, 10]
    assert reference["confidence_Q"].shape == (101,)
    assert np.all(np.diff(reference["confidence_Q"]) >= 0)
    assert any(name.startswith("percentiles_") for name in reference)


def test_the_reference_tells_how_bright_normal_images_are(written, tmp_path):
    images_NHWC, _ = band_images(30)
    assert written.normal is not None
    assert written.normal.mean == pytest.approx(images_NHWC.mean(), abs=0.1)
    assert write_tiny(tmp_path / "other", reference={}).normal is None


def test_reading_a_manifest_opens_no_model(written):
    code = (
        "import sys; from pathlib import Path; from pigeonhole import bundle\n"
        f"bundle.load(Path({str(written.folder)!r}))\n"
        "print([m for m in ('onnxruntime', 'torch', 'onnx', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
