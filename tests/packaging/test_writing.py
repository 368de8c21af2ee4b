"""A package is there whole or not at all, twice is once, and nothing that stands is ever overwritten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole import bundle
from pigeonhole.core.errors import ConflictError, DataError, GateError, NotFoundError, UsageError
from pigeonhole.core.files import STAGING_PREFIX, sha256_file
from pigeonhole.packaging import make_plan
from pigeonhole.packaging.readme import commands
from tests.bundle.tiny_onnx import write_tiny
from tests.test_package import base_only


def stamps(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def left_behind(folder):
    return list(folder.glob(f"{STAGING_PREFIX}*"))


def test_the_manifest_has_the_hash_of_every_file(packed, tiny):
    manifest = json.loads((packed.folder / "manifest.json").read_text())
    files = {path.relative_to(packed.folder).as_posix() for path in packed.folder.rglob("*") if path.is_file()}
    assert files == {*manifest["files"], "manifest.json"}
    for place, entry in manifest["files"].items():
        assert sha256_file(packed.folder / place) == entry["sha256"]
        assert (packed.folder / place).stat().st_size == entry["size_bytes"]
    assert manifest["bundle_sha256"] == tiny.sha256
    assert manifest["lineage"] == tiny.lineage


def test_the_bundle_inside_is_whole_and_nothing_else_of_its_folder_is_taken(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    (tmp_path / "tiny/private.txt").write_text("mine")
    made = ph.package(tmp_path / "tiny", to=tmp_path / "out")
    inside = bundle.load(made.folder / "bundle")
    inside.check_probe()
    assert inside.sha256 == tiny.sha256
    assert not (made.folder / "bundle/private.txt").exists()


def test_the_same_again_changes_nothing(tiny, tmp_path):
    first = ph.package(tiny.folder, to=tmp_path / "out")
    # What a user may well do inside the folder.
    (first.folder / ".venv").mkdir()
    before = stamps(first.folder)
    second = ph.package(tiny.folder, to=tmp_path / "out")
    assert (first.written, second.written) == (True, False)
    assert stamps(first.folder) == before
    assert first.sha256 == second.sha256
    assert left_behind(tmp_path) == []


def test_the_same_bundle_elsewhere_makes_the_same_package(packed, tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    made = ph.package(tmp_path / "tiny", to=tmp_path / "out")
    assert made.sha256 == packed.sha256
    for place in (*made.files, "manifest.json"):
        assert (made.folder / place).read_bytes() == (packed.folder / place).read_bytes(), place


def spoil_by_another_bundle(folder, tmp_path):
    shutil.rmtree(folder)
    ph.package(write_tiny(tmp_path / "tiny", (6, 8, 3)).folder, to=folder)
    return "bundle/model.onnx"


def spoil_by_an_edit(folder, tmp_path):
    path = folder / "kubernetes/deployment.yaml"
    path.write_text(path.read_text().replace("1000m", "2000m"))
    return "kubernetes/deployment.yaml"


def spoil_by_a_loss(folder, tmp_path):
    (folder / "README.md").unlink()
    return "README.md"


def spoil_by_something_else(folder, tmp_path):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    return "no package"


def spoil_by_a_file(folder, tmp_path):
    shutil.rmtree(folder)
    folder.write_text("a file")
    return "no package"


@pytest.mark.parametrize(
    "spoil",
    [spoil_by_another_bundle, spoil_by_an_edit, spoil_by_a_loss, spoil_by_something_else, spoil_by_a_file],
)
def test_nothing_else_that_stands_there_is_touched(packed, tiny, tmp_path, spoil):
    folder = tmp_path / "out"
    shutil.copytree(packed.folder, folder)
    named = spoil(folder, tmp_path)
    before = stamps(folder)
    with pytest.raises(ConflictError) as caught:
        ph.package(tiny.folder, to=folder)
    assert named in caught.value.received
    assert "--to" in caught.value.remedy
    assert stamps(folder) == before
    assert left_behind(tmp_path) == []


def test_the_folder_in_which_the_user_stands_is_not_replaced(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="current folder"):
        ph.package(tiny.folder, to=".")
    assert list(tmp_path.iterdir()) == []
    made = ph.package(tiny.folder, to="out")
    monkeypatch.chdir(tmp_path / "out")
    assert not ph.package(tiny.folder, to=".").written
    assert made.written


def test_an_empty_folder_and_new_parents_are_taken(tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    assert ph.package(tiny.folder, to=tmp_path / "empty").written
    assert ph.package(tiny.folder, to=tmp_path / "a/b/c").written


def test_a_damaged_bundle_leaves_nothing(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    with (tmp_path / "tiny/model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"model\.onnx"):
        ph.package(tmp_path / "tiny", to=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert left_behind(tmp_path) == []


def test_a_bundle_that_does_not_reproduce_its_probe_is_not_packaged(tmp_path):
    from pigeonhole.bundle.format import _content_hash

    other = write_tiny(tmp_path / "tiny").folder
    with np.load(other / "probe.npz") as probe:
        images_NHWC, probs_NK = probe["images_NHWC"], probe["probs_NK"]
    np.savez(other / "probe.npz", images_NHWC=images_NHWC, probs_NK=probs_NK[:, ::-1])
    # With hashes that are right: only running it can tell.
    manifest = json.loads((other / "manifest.json").read_text())
    path = other / "probe.npz"
    manifest["files"]["probe.npz"] = {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
    manifest["sha256"] = _content_hash(manifest)
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GateError, match="probe"):
        ph.package(other, to=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["digits@champion", "digits:3", "no/such/folder"])
def test_what_is_not_there_is_not_packaged(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no/such/folder").mkdir(parents=True)
    with pytest.raises(NotFoundError, match=r"digits|holds no manifest\.json"):
        ph.package(model, to="out", workspace=tmp_path / ".pigeonhole")
    assert not (tmp_path / "out").exists()


def test_all_values_that_cannot_be_used_are_named_at_once(tiny, tmp_path):
    with pytest.raises(UsageError) as caught:
        ph.package(
            tiny.folder, to=tmp_path / "out", name="Not A Name", image="no image", cpu=0, memory_gib=-1, replicas="4:1"
        )
    for part in ("'Not A Name'", "'no image'", "0 processor cores", "-1 GiB", "'4:1'"):
        assert part in caught.value.received
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "image", ["registry.example.com/team/digits:3", "localhost:5000/digits", f"d@sha256:{'0' * 64}"]
)
def test_images_are_named_as_docker_names_them(tiny, tmp_path, image):
    assert ph.package(tiny.folder, to=tmp_path / "out", image=image).image == image


def test_a_name_for_the_cluster_is_made_of_the_models():
    plan = make_plan("My_bands:12", version="12")
    assert (plan.model, plan.name, plan.image) == ("My_bands:12", "my-bands", "my-bands:12")
    assert "--name My_bands:12" in commands(plan)[1]
    assert len(make_plan(f"d{'_x' * 31}", version="1").name) <= 40


def test_two_at_once_make_one(tiny, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: ph.package(tiny.folder, to=tmp_path / "out"), range(2)))
    assert sorted(each.written for each in made) == [False, True]
    assert left_behind(tmp_path) == []


def test_a_kill_just_before_the_end_leaves_nothing_that_the_next_one_does_not_remove(tiny, tmp_path):
    code = (
        "import os, signal, sys\n"
        "import pigeonhole as ph\n"
        "from pigeonhole.packaging import writing\n"
        "writing.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ph.package(sys.argv[1], to=sys.argv[2])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tiny.folder, tmp_path / "out"], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert left_behind(tmp_path)
    assert ph.package(tiny.folder, to=tmp_path / "out").written
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_explained(tiny, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        ph.package(tiny.folder, to=tmp_path / "locked/out")


def test_a_file_among_the_parents_is_explained(tiny, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="--to"):
        ph.package(tiny.folder, to=tmp_path / "file/out")


def test_the_base_package_alone_packages_the_folder_of_a_bundle(tiny, tmp_path):
    line = ["package", str(tiny.folder), "--to", str(tmp_path / "out"), "--json"]
    done = base_only(f"from pigeonhole.cli.main import run; sys.exit(run({line!r}))")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["written"]
    assert Path(facts["folder"]) == tmp_path / "out"
    assert f"docker build --tag {facts['image']} " in done.stderr
