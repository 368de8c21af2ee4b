from __future__ import annotations

import os
import stat

import pytest

from pigeonhole import scripts
from pigeonhole.core.errors import DataError, NotFoundError, UsageError
from tests.scripts.writing import EXAMPLE, register, write_script


def test_a_folder_is_copied_whole_and_known_by_its_content(tmp_path):
    folder = write_script(tmp_path / "mine", manifest="not ours", **{"empty.txt": "", "manifest.json": "{}"})
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "link.txt").symlink_to(folder / "empty.txt")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "score.pyc").write_bytes(b"x")
    staged = register(folder, tmp_path / "staged")
    found = scripts.load(staged)
    assert (scripts.is_script(staged), scripts.is_registered(staged), scripts.is_registered(folder)) == (
        True,
        True,
        False,
    )
    names = {str(path.relative_to(found.root)) for path in found.root.rglob("*") if path.is_file()}
    assert names == {"score.py", "manifest", "manifest.json", "empty.txt", "link.txt", "deep/er/weights.bin"}
    assert not (found.root / "link.txt").is_symlink()
    assert found.sha256 == scripts.load(folder).sha256 == scripts.sha256_of(staged)
    assert found.size_bytes == sum((found.root / name).stat().st_size for name in names)
    assert all(stat.S_IMODE((found.root / name).stat().st_mode) & 0o222 == 0 for name in names)
    (folder / "empty.txt").write_text("no more")
    assert scripts.load(folder).sha256 != found.sha256


@pytest.mark.parametrize("what", ["changed", "missing", "added", "manifest"])
def test_what_was_changed_since_is_refused(tmp_path, what):
    staged = register(EXAMPLE, tmp_path / "staged")
    weights = staged / "script" / "model" / "weights.json"
    if what == "added":
        (staged / "script" / "more.py").write_text("")
    elif what == "manifest":
        text = (staged / "manifest.json").read_text()
        (staged / "manifest.json").write_text(text.replace("weights.json", "other.json"))
    else:
        weights.unlink()
        if what == "changed":
            weights.write_text("[[1, 0], [0, 3]]")
    with pytest.raises(DataError, match="changed or damaged"):
        scripts.load(staged)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def init(:", "line 1: def init"),
        ("\0", "no Python"),
        ("def init(): pass", "no function run"),
        ("class A:\n    def init(self): pass\n    def run(self, data): pass", "no function init.*no function run"),
        ("def init(): pass\nasync def run(data): pass", "line 2: async def run"),
        ("def init(): pass\ndef run(*data): pass", "line 2: run.. with .args"),
        ("def init(): pass\ndef run(request_headers): pass", "without an argument for the data"),
    ],
)
def test_what_can_be_told_without_running_it_is_told(tmp_path, code, said):
    with pytest.raises(DataError, match=f"(?s){said}"):
        scripts.load(write_script(tmp_path / "mine", code))


@pytest.mark.parametrize(
    "code",
    [
        "from code_of_mine import init, run",
        "from code_of_mine import *",
        "try:\n    from fast import run\nexcept ImportError:\n    def run(data): pass\ninit = lambda: None",
        "import math\nif math:\n    init, run = None, None",
    ],
)
def test_functions_may_come_from_elsewhere(tmp_path, code):
    assert scripts.load(write_script(tmp_path / "mine", code)).size_bytes == len(code)


def test_folders_that_cannot_be_copied_are_refused(tmp_path):
    with pytest.raises(NotFoundError, match="no folder"):
        scripts.load(tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match=r"only deep/score\.py"):
        scripts.load(write_script(tmp_path / "outer" / "deep").parent)
    mine = write_script(tmp_path / "mine")
    with pytest.raises(UsageError, match="holds the workspace"):
        register(mine, mine / ".pigeonhole" / "staged")
    os.mkfifo(mine / "pipe")
    (mine / "loop").symlink_to(mine)
    with pytest.raises(DataError, match=r"(?s)loop: a link to a folder.*pipe: neither a file"):
        scripts.load(mine)
