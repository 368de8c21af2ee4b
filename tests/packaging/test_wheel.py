"""The wheel is this very pigeonhole, and installs without an index."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import pigeonhole
from pigeonhole.core.errors import MissingDependencyError, UsageError
from pigeonhole.packaging import wheel

ROOT = Path(__file__).parents[2]
CODE = Path(pigeonhole.__file__).parent


@pytest.fixture(scope="module")
def packed_wheel(packed):
    (path,) = (packed.folder / "wheels").iterdir()
    return path


def content(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_the_code_is_in_it_and_nothing_that_python_made_of_it(packed_wheel):
    names = {name for name in content(packed_wheel) if ".dist-info/" not in name}
    files = {path for path in CODE.rglob("*") if path.suffix in {".py", ".yml", ".json", ".typed"}}
    assert names == {f"pigeonhole/{path.relative_to(CODE).as_posix()}" for path in files}


def test_the_record_names_every_file_with_its_hash(packed_wheel):
    files = content(packed_wheel)
    (record,) = [name for name in files if name.endswith(".dist-info/RECORD")]
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(files[record].decode()))}
    assert set(rows) == set(files)
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert rows[name] == (["", ""] if name == record else [f"sha256={digest}", str(len(data))])


def test_it_carries_its_licence_its_program_and_what_it_needs(packed_wheel):
    files = {name.partition(".dist-info/")[2]: data for name, data in content(packed_wheel).items()}
    described = Parser().parsestr(files["METADATA"].decode())
    assert described["Version"] == pigeonhole.__version__
    assert any(line.startswith("onnxruntime") for line in described.get_all("Requires-Dist"))
    assert files["licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"pigeonhole = pigeonhole.cli.main:main" in files["entry_points.txt"]


def test_the_same_installation_makes_the_same_bytes(packed_wheel, tmp_path):
    assert wheel.write_wheel(tmp_path).read_bytes() == packed_wheel.read_bytes()


def test_an_installation_that_describes_other_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pigeonhole, "__version__", "99.0")
    with pytest.raises(UsageError, match=r"99\.0.*0\.1\.0"):
        wheel.write_wheel(tmp_path)


def test_sources_that_were_never_installed_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(wheel, "NAME", "pigeonhole-never-installed")
    with pytest.raises(MissingDependencyError, match="pip install"):
        wheel.write_wheel(tmp_path)


@pytest.mark.full
def test_pip_installs_it_alone_in_a_fresh_environment(packed_wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    command = [python, "-I", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", packed_wheel]
    subprocess.run(command, check=True, timeout=300)
    said = subprocess.run(
        [python, "-I", "-c", "import pigeonhole; print(pigeonhole.__version__, pigeonhole.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(f"{pigeonhole.__version__} {tmp_path}")


@pytest.mark.full
def test_the_build_tool_makes_the_same_of_the_sources(packed_wheel, tmp_path):
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path / "out", tmp_path], check=True, timeout=300)
    (built,) = (tmp_path / "out").iterdir()
    assert built.name == packed_wheel.name
    ours, theirs = content(packed_wheel), content(built)
    # These two say who packed it.
    packer = ("/RECORD", "/WHEEL")
    assert set(ours) == set(theirs)
    assert {n: d for n, d in ours.items() if n.startswith("pigeonhole/")} == {
        n: d for n, d in theirs.items() if n.startswith("pigeonhole/")
    }
    assert not [n for n in ours if ours[n] != theirs[n] and not n.endswith((*packer, "/METADATA"))]
