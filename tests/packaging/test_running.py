"""The folder runs by the commands that it names: without Docker, and as the image would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv

import numpy as np
import pytest

from pigeonhole.cli.main import run

from .serving_folder import container_commands, make_key, printed_commands, readme_blocks, served, with_path


@pytest.fixture(scope="module")
def installed(packed, tmp_path_factory):
    """The folder's wheel, installed for this interpreter but beside it; the environment in which programs find it."""
    target = tmp_path_factory.mktemp("installed")
    (wheel,) = (packed.folder / "wheels").iterdir()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", target, wheel], check=True, timeout=300)
    return with_path(target / "bin", PYTHONPATH=str(target))


@pytest.fixture(scope="module")
def key(packed):
    return make_key(packed.folder)


def probe(tiny):
    body = json.dumps({"data": tiny.probe_images_NHWC.reshape(len(tiny.probe_images_NHWC), -1).tolist()}).encode()
    return body, tiny.probe_probs_NK


def check_answer(answer, probs_NK):
    np.testing.assert_allclose([row["probabilities"] for row in answer["predictions"]], probs_NK, atol=1e-4)


def test_the_wheel_is_what_runs(installed):
    code = "import pigeonhole; print(pigeonhole.__file__)"
    said = subprocess.run([sys.executable, "-c", code], env=installed, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(installed["PYTHONPATH"])


def test_the_printed_command_serves_the_probe_to_who_has_a_key(packed, tiny, installed, key):
    body, probs_NK = probe(tiny)
    _, command = printed_commands(packed.folder)
    with served(command, packed.folder, **installed, PIGEONHOLE_KEY_HASHES=f"{'0' * 64}, {key[1]}") as server:
        status, answer = server.score(body, key[0])
        assert status == 200, answer
        check_answer(answer, probs_NK)
        assert server.score(body)[0] == 401
        assert server.score(body, "another")[0] == 401
    assert server.process.returncode == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed request is made with curl")
def test_the_printed_request_gets_the_label_that_the_readme_promises(packed, installed):
    _, command = printed_commands(packed.folder)
    (curl,) = readme_blocks(packed.folder)[1]
    promised = (packed.folder / "README.md").read_text().partition("the answer's label is `")[2].partition("`")[0]
    with served(command, packed.folder, **installed) as server:
        said = subprocess.run(
            ["sh", "-c", curl.replace("8080", str(server.port))], cwd=packed.folder, capture_output=True, check=True
        )
    assert json.loads(said.stdout)["predictions"][0]["label"] == promised


def test_what_the_image_runs_answers_and_is_found_well(packed, tiny, installed, key):
    body, probs_NK = probe(tiny)
    command, health = container_commands(packed.folder)
    with served(command, packed.folder, **installed, PIGEONHOLE_KEY_HASHES=key[1]) as server:
        status, answer = server.score(body, key[0])
        assert status == 200, answer
        check_answer(answer, probs_NK)
        check = [word.replace("8080", str(server.port)) for word in health]
        assert subprocess.run(check, env=installed, check=False, timeout=60).returncode == 0
    # The very check that passed fails once nobody answers.
    assert subprocess.run(check, env=installed, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode != 0
    assert server.process.returncode == 0


def test_what_the_image_runs_does_not_start_without_a_key(packed, monkeypatch, capsys):
    monkeypatch.chdir(packed.folder)
    for variable in ("PIGEONHOLE_KEY", "PIGEONHOLE_KEY_HASHES"):
        monkeypatch.delenv(variable, raising=False)
    command, _ = container_commands(packed.folder)
    assert run(command[1:]) == 2
    assert "without a key" in capsys.readouterr().err
    monkeypatch.setenv("PIGEONHOLE_KEY_HASHES", "")
    assert run(command[1:]) == 2


def test_a_key_where_its_hash_belongs_is_refused_and_not_shown(packed, monkeypatch, capsys):
    monkeypatch.chdir(packed.folder)
    monkeypatch.setenv("PIGEONHOLE_KEY_HASHES", f"{'a' * 64},the-key-itself")
    command, _ = container_commands(packed.folder)
    assert run(command[1:]) == 2
    said = capsys.readouterr().err
    assert "key hash 2 of 2" in said
    assert "the-key-itself" not in said


@pytest.mark.full
def test_the_two_printed_commands_run_it_in_a_fresh_environment(packed, tiny, key, tmp_path):
    """As on another machine: the folder is copied, and nothing of this installation is used."""
    folder = tmp_path / "copied"
    shutil.copytree(packed.folder, folder)
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv/bin"
    environment = with_path(programs)
    install, command = printed_commands(folder)
    subprocess.run(install, cwd=folder, env=environment, check=True, timeout=900, capture_output=True)
    subprocess.run([programs / "python", "-m", "pip", "check"], env=environment, check=True, timeout=60)
    listed = [programs / "python", "-m", "pip", "freeze", "--exclude", "pigeonhole"]
    frozen = subprocess.run(listed, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout
    pinned = [line for line in (folder / "requirements.txt").read_text().splitlines() if "==" in line]
    assert sorted(frozen.lower().replace("_", "-").split()) == sorted(pinned)
    body, probs_NK = probe(tiny)
    with served(command, folder, **environment, PIGEONHOLE_KEY_HASHES=key[1]) as server:
        status, answer = server.score(body, key[0])
    assert status == 200, answer
    check_answer(answer, probs_NK)
