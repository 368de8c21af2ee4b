from __future__ import annotations

import json
import subprocess

import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import FOLDER, Workspace, check_name


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("PIGEONHOLE_WORKSPACE", "PIGEONHOLE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_nearest_workspace_above_is_found_else_one_is_made_here(tmp_path, monkeypatch):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert Workspace.find().root == deep / FOLDER
    above = Workspace(tmp_path / "a" / FOLDER)
    assert Workspace.find().root == deep / FOLDER
    (deep / FOLDER / "workspace.json").unlink()
    assert Workspace.find().root == above.root


def test_a_named_workspace_comes_before_the_variable_and_that_before_the_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIGEONHOLE_WORKSPACE", str(tmp_path / "variable"))
    assert Workspace.find().root == tmp_path / "variable"
    assert Workspace.find(tmp_path / "named").root == tmp_path / "named"


def test_a_later_release_s_workspace_and_a_file_are_refused(tmp_path):
    Workspace(tmp_path / "w")
    (tmp_path / "w" / "workspace.json").write_text(json.dumps({"format_version": 2}))
    with pytest.raises(UsageError, match="format version 2"):
        Workspace(tmp_path / "w")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Workspace(tmp_path / "file")


def test_git_does_not_see_a_workspace(tmp_path):
    Workspace(tmp_path / "project" / FOLDER)
    subprocess.run(["git", "init", "-q", str(tmp_path / "project")], check=True)
    seen = subprocess.run(
        ["git", "-C", str(tmp_path / "project"), "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert seen.stdout == ""


def test_each_tool_has_a_database_of_its_own(tmp_path):
    workspace = Workspace(tmp_path / "w")
    uris = {workspace.database_url, workspace.mlflow_uri, workspace.optuna_uri}
    assert uris == {f"sqlite:///{tmp_path}/w/{name}.db" for name in ("workspace", "mlflow", "optuna")}
    assert workspace.folder("runs") == tmp_path / "w" / "runs"
    assert (tmp_path / "w" / "runs").is_dir()


@pytest.mark.parametrize("name", ["digits", "a", "cnn-3_x", "A" * 63])
def test_names(name):
    assert check_name(name, "model") == name


@pytest.mark.parametrize("name", ["", "3d", "a b", "a/b", "../a", "a.b", "é", "A" * 64, "a\n", "-a"])
def test_names_that_cannot_be_folders_keys_and_urls_at_once(name):
    with pytest.raises(UsageError, match="model name"):
        check_name(name, "model")
