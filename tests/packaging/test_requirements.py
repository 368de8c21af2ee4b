"""Every package that serving needs is pinned at the version that is installed, and no other."""

from __future__ import annotations

from importlib.metadata import requires, version

import pytest

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.packaging.requirements import pins


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a package's metadata where Python looks for them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, release="1.0", needs=()):
        folder = tmp_path / f"{name.replace('-', '_')}-{release}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}"]
        (folder / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs), ""]))

    return add


def test_the_base_package_is_pinned_at_what_runs_here():
    pinned = dict(line.split("==") for line in pins(requires("pigeonhole")))
    assert {name: version(name) for name in pinned} == pinned
    # One is asked for by pigeonhole itself, the other only by something that it asks for.
    assert {"onnxruntime", "flatbuffers"} <= set(pinned)


def test_what_a_package_needs_is_followed_and_extras_only_where_asked_for(install):
    install("needed-a", needs=["Needed_B[fast]>=1", "unwanted; extra == 'more'", "unwanted; python_version < '3'"])
    install("needed-b", "2.5", needs=["needed-c; extra == 'fast'", "unwanted; extra == 'slow'"])
    install("needed-c", "0.1", needs=["needed-a"])
    assert pins(["needed-a"]) == ["needed-a==1.0", "needed-b==2.5", "needed-c==0.1"]


def test_everything_that_is_missing_or_too_old_is_named(install):
    install("needed-a", "1.0", needs=["needed-b>=2", "needed-c"])
    install("needed-b", "1.9")
    with pytest.raises(MissingDependencyError) as caught:
        pins(["needed-a"])
    assert "needed-b 1.9, where >=2 is wanted" in caught.value.received
    assert "needed-c is not installed" in caught.value.received
