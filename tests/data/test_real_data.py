"""The real sets, found through PIGEONHOLE_DATA."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.workspace import Workspace
from pigeonhole.data import ingest
from pigeonhole.images import statistics

FOLDERS = [Path(folder) for folder in os.environ.get("PIGEONHOLE_DATA", "").split(os.pathsep) if folder]


def at_hand(name: str) -> Path:
    found = next((folder / name for folder in FOLDERS if (folder / name).exists()), None)
    if found is None:
        pytest.skip(f"no {name} below PIGEONHOLE_DATA")
    return found.resolve()


@pytest.mark.full
def test_mnist_is_split_54000_6000_10000(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIGEONHOLE_DATA", str(at_hand("mnist").parent))
    dataset = ingest(workspace, "mnist", name="mnist").dataset
    assert dataset.manifest["splits"] == {"train": 54_000, "validation": 6_000, "test": 10_000}
    assert dataset.rows("test").tolist() == list(range(60_000, 70_000))
    assert [entry["sha256"][:8] for entry in dataset.manifest["source"]["files"]] == [
        "ba891046",
        "65a50cbb",
        "0fa7898d",
        "ff7bcfd4",
    ]
    shares = np.bincount(dataset.validation.labels_N) / np.bincount(dataset.labels_N[:60_000])
    np.testing.assert_allclose(shares, 0.1, atol=0.0002)
    # The known mean of MNIST's training images, 0.1307.
    assert abs(float(statistics(dataset.images_NHWC[:60_000])["mean"].mean()) / 255 - 0.1307) < 1e-4
    assert ingest(workspace, "mnist", name="mnist").reused
    as_folder = ingest(workspace, str(at_hand("mnist")), name="mnist")
    assert as_folder.reused


@pytest.mark.full
def test_no_writer_is_on_both_sides(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = at_hand("mnist")
    monkeypatch.setenv("PIGEONHOLE_DATA", str(folder.parent))
    groups = [folder / "train-writers.csv", folder / "test-writers.csv"]
    dataset = ingest(workspace, "mnist", name="mnist", groups=groups, group_by="writer").dataset
    parts = [set(dataset.groups_N[dataset.rows(split)].tolist()) for split in ("train", "validation", "test")]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert abs(len(dataset.validation) - 6_000) < 60
    shares = np.bincount(dataset.validation.labels_N) / np.bincount(dataset.labels_N[:60_000])
    np.testing.assert_allclose(shares, 0.1, atol=0.005)
    assert dataset.manifest["warnings"] == []


@pytest.mark.full
def test_six_thousand_colour_photographs(workspace: Workspace, tmp_path: Path) -> None:
    with zipfile.ZipFile(at_hand("cifar10-6k.zip")) as archive:
        archive.extractall(tmp_path)
    dataset = ingest(workspace, str(tmp_path / "cifar10-6k"), name="cifar").dataset
    assert dataset.shape_HWC == (32, 32, 3)
    assert len(dataset.class_names) == 10
    assert sum(dataset.manifest["splits"].values()) == 6_000
    assert dataset.manifest["splits"]["test"] > 0
