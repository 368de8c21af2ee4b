"""A script in the registry: registered, listed, promoted, removed; and what it cannot be used for."""

from __future__ import annotations

import shutil

import pytest
from mlflow.models import Model

import pigeonhole as ph
from pigeonhole import scripts
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, UsageError
from pigeonhole.tracking.store import local_path, open_client
from tests.scripts.writing import EXAMPLE, write_script


def test_a_script_has_versions_and_aliases_as_any_model(workspace, tmp_path):
    first = ph.register_script(EXAMPLE, name="mine", workspace=workspace)
    assert (first.ref, first.aliases, first.kind, first.class_names) == ("mine:1", ("champion",), "script", ())
    assert ph.register_script(EXAMPLE, name="mine", workspace=workspace) == first
    second = ph.register_script(write_script(tmp_path / "other"), name="mine", workspace=workspace)
    assert (second.ref, second.aliases) == ("mine:2", ("challenger",))
    assert ph.promote("mine:2", workspace=workspace).aliases == ("champion",)
    assert [one.ref for one in ph.list_models(workspace=workspace)] == ["mine:2", "mine:1"]
    assert [step.kind for step in ph.lineage("mine:1", workspace=workspace)] == ["model", "script"]
    place = local_path(open_client(workspace).get_model_version("mine", "1").source)
    assert "pigeonhole_script" in Model.load(place).flavors
    with pytest.raises(ConflictError):
        ph.remove_model("mine:2", workspace=workspace)
    assert ph.remove_model("mine:1", workspace=workspace) == "mine:1"
    assert not first.folder.exists()
    assert scripts.load(second.folder).entry.is_file()


def test_what_wants_a_bundle_refuses_a_script_by_name(workspace, tmp_path):
    ph.register_script(EXAMPLE, name="mine", workspace=workspace)
    for refused in (
        lambda: ph.predict("mine", ["some.png"], workspace=workspace),
        lambda: ph.package("mine", to=tmp_path / "package", workspace=workspace),
        lambda: ph.batch("mine", str(tmp_path), out=tmp_path / "out.csv", workspace=workspace),
        lambda: ph.compare_models(["mine", "mine"], workspace=workspace),
        lambda: ph.evaluate("mine", workspace=workspace),
        lambda: ph.evaluate("mine@champion", workspace=workspace),
    ):
        with pytest.raises(UsageError, match="mine:1"):
            refused()
    with pytest.raises(NotFoundError, match="no run 'yours'"):
        ph.evaluate("yours", workspace=workspace)


def test_a_changed_script_is_not_deployed_nor_one_that_may_change(workspace, tmp_path):
    version = ph.register_script(EXAMPLE, name="mine", workspace=workspace)
    (version.folder / "script" / "more.py").write_text("")
    with pytest.raises(DataError, match=r"more\.py: was not there"):
        ph.deploy("mine", endpoint="mine", port=0, workspace=workspace)
    own = tmp_path / "own"
    shutil.copytree(EXAMPLE, own)
    with pytest.raises(UsageError, match="may change at any time"):
        ph.deploy(own, endpoint="mine", port=0, workspace=workspace)
    assert ph.list_endpoints(workspace=workspace) == []
