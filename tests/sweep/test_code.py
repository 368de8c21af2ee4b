from __future__ import annotations

import pytest

from pigeonhole.core.errors import SpecError
from pigeonhole.sweep import code
from pigeonhole.sweep.code import code_sha256, keep_code


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src"
    (folder / "lib").mkdir(parents=True)
    (folder / "train.py").write_text("print(1)")
    (folder / "lib" / "net.py").write_text("")
    return folder


def test_any_change_of_the_code_is_seen_and_what_tools_leave_is_none(source):
    before = code_sha256(source)
    for left in ("__pycache__/train.pyc", "mlruns/0/meta.yaml", ".git/HEAD", "mlflow.db"):
        (source / left).parent.mkdir(parents=True, exist_ok=True)
        (source / left).write_text("x")
    assert code_sha256(source) == before
    (source / "lib" / "net.py").rename(source / "lib" / "nets.py")
    renamed = code_sha256(source)
    (source / "train.py").write_text("print(2)")
    edited = code_sha256(source)
    (source / "train.py").chmod(0o755)
    assert len({before, renamed, edited, code_sha256(source)}) == 4


def test_the_code_is_kept_as_it_was(source, tmp_path):
    target = tmp_path / "kept" / "code"
    (source / "__pycache__").mkdir()
    keep_code(source, target)
    (source / "train.py").write_text("print(2)")
    keep_code(source, target)
    assert (target / "train.py").read_text() == "print(1)"
    assert sorted(path.name for path in target.iterdir()) == ["lib", "train.py"]
    assert [path.name for path in target.parent.iterdir()] == ["code"]


def test_all_that_cannot_be_kept_is_told_at_once(source, tmp_path, monkeypatch):
    (source / "data").symlink_to(tmp_path)
    (source / "gone.py").symlink_to(tmp_path / "nowhere")
    (source / "large.bin").write_bytes(b"x" * 3000)
    monkeypatch.setattr(code, "LIMIT_BYTES", 2000)
    with pytest.raises(SpecError) as error:
        keep_code(source, tmp_path / "kept")
    assert all(word in str(error.value) for word in ("data: a link", "gone.py", "goes into inputs"))
    assert not (tmp_path / "kept").exists()
