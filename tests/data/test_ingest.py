"""Dataset versions: made, found again, never half there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import ingest, list_datasets, open_dataset, remove

from .making import csv_text, images, labels, write_csv, write_folder, write_pair


def left_in(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.folder("datasets").iterdir() if not path.name.endswith(".lock"))


def test_a_csv_becomes_a_version_that_holds_everything(workspace: Workspace, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", 60)
    result = ingest(workspace, str(path), name="digits")
    dataset = open_dataset(workspace, "digits")
    assert not result.reused
    assert dataset.ref == "digits:1" == result.dataset.ref
    assert (dataset.images_NHWC == images(60)).all()
    assert not dataset.images_NHWC.flags.writeable
    assert dataset.labels_N.tolist() == labels(60).tolist()
    assert dataset.class_names == ("0", "1", "2")
    assert np.unique(dataset.split_N, return_counts=True)[1].tolist() == [6, 49, 5]
    assert dataset.origins[0] == "train.csv row 2"
    assert dataset.groups_N is None
    assert np.load(dataset.folder / "images.npy", allow_pickle=False).shape == (60, 4, 4, 1)
    source = dataset.manifest["source"]
    assert source["kind"] == "csv"
    assert source["files"][0]["sha256"]
    assert json.dumps(result.to_dict())
    assert result.to_dict()["splits"] == {"train": 49, "validation": 5, "test": 6}


def test_parts_hold_their_own_rows(workspace: Workspace, tmp_path: Path) -> None:
    dataset = ingest(workspace, str(write_csv(tmp_path / "train.csv", 60)), name="digits").dataset
    parts = [dataset.train, dataset.validation, dataset.test("test", "a test")]
    assert sorted(row for part in parts for row in part.rows.tolist()) == list(range(60))
    for part in parts:
        assert (part.images_NHWC == dataset.images_NHWC[part.rows]).all()
        assert (part.labels_N == dataset.labels_N[part.rows]).all()
        assert len(part) == len(part.images_NHWC)


def test_the_same_content_is_the_same_version(workspace: Workspace, tmp_path: Path) -> None:
    first = ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits")
    copy = ingest(workspace, str(write_csv(tmp_path / "b.csv")), name="digits")
    assert copy.reused
    assert copy.dataset.ref == first.dataset.ref
    for options in ({"seed": 1}, {"test": 0}, {"validation": 0.2}, {"classes": ["2", "1", "0"]}):
        other = ingest(workspace, str(tmp_path / "a.csv"), name="digits", **options)
        assert not other.reused
    assert not ingest(workspace, str(tmp_path / "a.csv"), name="others").reused
    assert [summary.ref for summary in list_datasets(workspace)] == [f"digits:{n}" for n in range(1, 6)] + ["others:1"]
    assert len({dataset.sha256 for dataset in list_datasets(workspace)}) == 5


def test_a_number_is_never_given_twice(workspace: Workspace, tmp_path: Path) -> None:
    for seed in range(3):
        ingest(workspace, str(write_csv(tmp_path / "a.csv", seed=seed)), name="digits")
    assert remove(workspace, "digits:3") == "digits:3"
    assert ingest(workspace, str(write_csv(tmp_path / "a.csv", seed=9)), name="digits").dataset.version == 4
    for version in (1, 2, 4):
        remove(workspace, f"digits:{version}")
    assert list_datasets(workspace) == []
    assert ingest(workspace, str(tmp_path / "a.csv"), name="digits").dataset.version == 5


def test_what_is_needed_is_not_removed(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits")
    with pytest.raises(ConflictError, match="run-7") as caught:
        remove(workspace, "digits", ["run-7"])
    assert caught.value.exit_code == 2
    assert open_dataset(workspace, "digits:1")


@pytest.mark.parametrize("ref", ["digits", "digits:1", "digits@latest"])
def test_a_version_is_found_by_its_names(workspace: Workspace, tmp_path: Path, ref: str) -> None:
    ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits")
    assert open_dataset(workspace, ref).ref == "digits:1"


@pytest.mark.parametrize("ref", ["digit", "digits:2", "digits:9"])
def test_an_unknown_version_is_not_found(workspace: Workspace, tmp_path: Path, ref: str) -> None:
    ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits")
    with pytest.raises(NotFoundError, match=r"did you mean 'digits'|version"):
        open_dataset(workspace, ref)


@pytest.mark.parametrize("ref", ["digits:x", "digits:0", "../x", "digits:-1", ""])
def test_a_reference_has_one_form(workspace: Workspace, ref: str) -> None:
    with pytest.raises(UsageError):
        open_dataset(workspace, ref)


def test_looks_at_the_test_split_are_counted_and_dated(workspace: Workspace, tmp_path: Path) -> None:
    dataset = ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits").dataset
    assert dataset.test_looks() == []
    dataset.test("run-1", "evaluate")
    open_dataset(workspace, "digits").test("run-2", "evaluate")
    looks = dataset.test_looks()
    assert [(look["looker"], look["why"]) for look in looks] == [("run-1", "evaluate"), ("run-2", "evaluate")]
    assert looks[0]["looked_at"].endswith("Z")
    assert list_datasets(workspace)[0].test_looks == 2


def test_without_a_test_split_there_is_nothing_to_look_at(workspace: Workspace, tmp_path: Path) -> None:
    dataset = ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="digits", test=0).dataset
    assert dataset.without_test
    with pytest.raises(UsageError, match="no test split"):
        dataset.test("run-1", "evaluate")


def test_a_folder_keeps_its_own_splits(workspace: Workspace, tmp_path: Path) -> None:
    write_folder(tmp_path / "pets" / "train", n=40)
    write_folder(tmp_path / "pets" / "test", n=10, seed=5)
    dataset = ingest(workspace, str(tmp_path / "pets"), name="pets").dataset
    assert dataset.manifest["splits"] == {"train": 36, "validation": 4, "test": 10}
    assert dataset.rows("test").tolist() == list(range(40, 50))
    assert dataset.class_names == ("cat", "dog")


def test_groups_stay_together_and_test_rows_may_have_none(workspace: Workspace, tmp_path: Path) -> None:
    write_pair(tmp_path / "digits", 90, "train")
    write_pair(tmp_path / "digits", 20, "test", seed=3)
    table = tmp_path / "writers.csv"
    table.write_text("index,writer\n" + "".join(f"{n},w{n // 6}\n" for n in range(90)))
    dataset = ingest(workspace, str(tmp_path / "digits"), name="d", groups=table, group_by="writer").dataset
    assert dataset.groups_N is not None
    assert dataset.groups_N[:7].tolist() == ["w0"] * 6 + ["w1"]
    assert dataset.groups_N[90:].tolist() == [""] * 20
    assert not set(dataset.train.groups_N) & set(dataset.validation.groups_N)
    assert len(dataset.validation) > 0
    assert dataset.manifest["split"]["group_by"] == "writer"
    # Test writers come in a file of their own, after the training writers.
    more = tmp_path / "test-writers.csv"
    more.write_text("index,writer\n" + "".join(f"{n},w{n}\n" for n in range(20)))
    both = ingest(workspace, str(tmp_path / "digits"), name="d", groups=[table, more], group_by="writer").dataset
    assert both.version == 2
    assert both.groups_N is not None
    assert both.groups_N[-1] == "w19"
    assert "15 groups are on both sides of the source's own split" in both.manifest["warnings"][0]


GROUP_FILES = {
    "too few rows": ("writer\na\nb\n", "2 rows for 30 images", DataError),
    "no such column": ("painter\n" + "a\n" * 30, "--group-by 'writer'", UsageError),
    "an empty cell": ("writer\n" + "a\n" * 29 + '""\n', "row 31, column 'writer'", DataError),
    "ragged": ("writer,x\n" + "a,b\n" * 29 + "a\n", "row 31: 1 cells", DataError),
    "another order": ("index,writer\n1,a\n" + "0,a\n" * 29, "row 2, column 'index'", DataError),
    "empty": ("", "--group-by 'writer'", UsageError),
    "one group": ("writer\n" + "a\n" * 30, "too few images and groups", DataError),
}


@pytest.mark.parametrize("case", GROUP_FILES)
def test_a_bad_group_file_is_refused(workspace: Workspace, tmp_path: Path, case: str) -> None:
    text, words, kind = GROUP_FILES[case]
    table = tmp_path / "writers.csv"
    table.write_text(text)
    with pytest.raises(kind, match=words):
        ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="d", groups=table, group_by="writer")
    assert left_in(workspace) == []


def test_groups_and_group_by_come_together(workspace: Workspace, tmp_path: Path) -> None:
    path = str(write_csv(tmp_path / "a.csv"))
    with pytest.raises(UsageError, match="--group-by without --groups"):
        ingest(workspace, path, name="d", group_by="writer")
    with pytest.raises(UsageError, match="--groups without --group-by"):
        ingest(workspace, path, name="d", groups=tmp_path / "w.csv")


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda folder: "minst", NotFoundError, "did you mean 'mnist'"),
        (lambda folder: "", NotFoundError, "neither a named set nor an existing path"),
        (lambda folder: str(folder), DataError, "an empty folder"),
        (lambda folder: str(_written(folder / "x.bin", b"\x07\x00\x01\x02")), DataError, "07 00 01 02"),
        (lambda folder: str(_written(folder / "x.bin", b"")), DataError, "empty or unreadable"),
        (lambda folder: str(_written(folder / "x.csv", b"")), DataError, "is empty"),
        (lambda folder: str(_written(folder / "x-idx3-ubyte", b"junk")), DataError, "magic number 0x6a756e6b"),
    ],
)
def test_what_is_no_source_is_refused_and_leaves_nothing(workspace, tmp_path, make, kind, words) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    with pytest.raises(kind, match=words):
        ingest(workspace, make(folder), name="d")
    assert left_in(workspace) == []


@pytest.mark.parametrize("option", [{"label": "digit"}, {"shape": (4, 4, 1)}])
@pytest.mark.parametrize("source", ["mnist", "mnist-5k", "folder", "idx"])
def test_an_option_that_would_be_ignored_is_refused(workspace, tmp_path, source: str, option) -> None:
    write_folder(tmp_path / "folder")
    write_pair(tmp_path / "idx", 9)
    location = source if source.startswith("mnist") else str(tmp_path / source)
    with pytest.raises(UsageError, match=f"for a source of the kind '{source}'"):
        ingest(workspace, location, name="d", **option)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_bad_row_late_in_the_file_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text(images(3000), labels(3000).tolist()) + "1,2\n")
    with pytest.raises(DataError, match="row 3,002, 2 cells"):
        ingest(workspace, str(path), name="d")
    assert left_in(workspace) == []


CHILD = """
import resource, sys
from pathlib import Path
from pigeonhole.core.errors import PigeonholeError
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import ingest
workspace = Workspace(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    ingest(workspace, sys.argv[2], name="d")
except PigeonholeError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("limit", "stage"), [(5_000, "images"), (20_000, "index"), (400, "images")])
def test_a_disk_that_fills_up_leaves_nothing(workspace: Workspace, tmp_path: Path, limit: int, stage: str) -> None:
    """A limit on the size of a file is what a full disk looks like to a process without root."""
    n = 3000
    shape = (2, 2, 1) if stage == "index" else (4, 4, 1)
    path = tmp_path / "a.csv"
    path.write_text(csv_text(images(n, shape), labels(n).tolist()))
    command = [sys.executable, "-c", CHILD, str(workspace.root), str(path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "the disk filled up" in done.stdout
    assert "next: free some space" in done.stdout
    assert left_in(workspace) == []
    assert not ingest(workspace, str(path), name="d").reused


REALLY_FULL = """
mount -t tmpfs -o size=200k tmpfs "$1" || exit 77
"$2" -c "$3" "$1" "$4" 1000000000; code=$?
find "$1/datasets" -mindepth 1 -not -name "*.lock" | head -3
exit $code
"""


def test_a_disk_that_is_really_full_leaves_nothing(tmp_path: Path) -> None:
    """A tiny file system of this process's own, where the kernel allows one."""
    path = write_csv(tmp_path / "a.csv", 20_000)
    (tmp_path / "small").mkdir()
    script = ["sh", "-c", REALLY_FULL, "sh", str(tmp_path / "small"), sys.executable, CHILD, str(path)]
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no name spaces here")
    done = subprocess.run([*own, *script], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(f"no file system of our own here: {done.stderr.strip()}")
    assert done.returncode == 3, done.stderr
    assert "the disk filled up" in done.stdout
    assert ".staging" not in done.stdout.split("\n", 3)[-1]


KILLED = """
import os, signal, sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import ingesting
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(ingesting, sys.argv[3], die)
ingesting.ingest(Workspace(Path(sys.argv[1])), sys.argv[2], name="d")
"""


@pytest.mark.parametrize("stage", ["resolve", "write_index", "write_json", "publish"])
def test_a_kill_leaves_no_version_and_the_next_ingest_clears_up(
    workspace: Workspace, tmp_path: Path, stage: str
) -> None:
    path = write_csv(tmp_path / "a.csv")
    command = [sys.executable, "-c", KILLED, str(workspace.root), str(path), stage]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list_datasets(workspace) == []
    assert ingest(workspace, str(path), name="d").dataset.ref == "d:1"
    assert left_in(workspace) == ["d"]


PARALLEL = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import ingest
result = ingest(Workspace(Path(sys.argv[1])), sys.argv[2], name="d", seed=int(sys.argv[3]))
print(result.dataset.ref, result.reused)
"""


def test_writers_at_once_get_one_version_each_and_one_for_the_same(workspace: Workspace, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PARALLEL, str(workspace.root), str(path), str(seed)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (0, 0, 1, 1)
    ]
    answers = [child.communicate()[0].split() for child in children]
    assert [answer[1] for answer in answers].count("False") == 2
    assert len({answer[0] for answer in answers}) == 2
    assert answers[0][0] == answers[1][0]
    assert [summary.version for summary in list_datasets(workspace)] == [1, 2]


LIGHT = """
import sys
import pigeonhole.data
heavy = {"pyarrow", "pandas", "pydantic", "PIL", "torch", "sklearn", "mlflow", "http.client"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
READS = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.data import open_dataset
dataset = open_dataset(Workspace(Path(sys.argv[1])), "d")
dataset.train.images_NHWC, dataset.validation.labels_N, dataset.groups_N, dataset.origins, dataset.image_sha256
sys.exit("imported pandas" if "pandas" in sys.modules else 0)
"""


def test_the_room_is_light_and_reading_a_dataset_leaves_pandas_alone(workspace: Workspace, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
    ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="d")
    subprocess.run([sys.executable, "-c", READS, str(workspace.root)], check=True)


def test_a_damaged_version_is_named(workspace: Workspace, tmp_path: Path) -> None:
    dataset = ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="d").dataset
    path = dataset.folder / "images.npy"
    os.truncate(path, path.stat().st_size - 5)
    with pytest.raises(DataError, match=r"images\.npy is damaged"):
        _ = open_dataset(workspace, "d").images_NHWC
    (dataset.folder / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        open_dataset(workspace, "d")


def test_a_version_from_a_later_release_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    dataset = ingest(workspace, str(write_csv(tmp_path / "a.csv")), name="d").dataset
    path = dataset.folder / "manifest.json"
    path.write_text(json.dumps({**dataset.manifest, "format_version": 99}))
    with pytest.raises(UsageError, match="format version 99"):
        open_dataset(workspace, "d")


def test_two_classes_without_images_in_a_split_are_said(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text(images(30), [0] * 14 + [1] * 14 + [2] * 2))
    warnings = ingest(workspace, str(path), name="d", classes=["a", "b", "c", "d"]).dataset.manifest["warnings"]
    assert "the train split has no image of 1 classes: d" in warnings
