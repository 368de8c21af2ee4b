from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import SpecError, UsageError
from pigeonhole.predictions import read_window
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from tests.bundle.tiny_onnx import band_images, expected_probs, tiny_model, write_tiny
from tests.serving.server_process import serving, start


def refused(folder, exit_code, said, **config):
    process, news, log_path = start(folder, **config)
    assert process.wait(30) == exit_code, log_path.read_text()
    assert news is None or news["ready"] is False
    assert said in log_path.read_text()
    return news


def test_a_damaged_bundle_never_becomes_ready(tmp_path):
    bundle = write_tiny(tmp_path / "bundle")
    with (bundle.folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    news = refused(tmp_path, 3, "model.onnx", bundle_folder=str(bundle.folder))
    assert "model.onnx" in news["received"]
    assert news["remedy"]


def test_a_bundle_that_answers_otherwise_than_its_probe_never_becomes_ready(tmp_path):
    bundle = write_tiny(tmp_path / "bundle")
    # Another model with hashes that are right: only the probe can tell.
    images_NHWC, _ = band_images(8)
    other = write_tiny(
        tmp_path / "other",
        onnx_model=tiny_model(sharpness=9.0),
        probe_images_NHWC=images_NHWC,
        probe_probs_NK=expected_probs(images_NHWC, sharpness=9.0),
    )
    from pigeonhole.bundle.format import _content_hash

    manifest = json.loads((other.folder / "manifest.json").read_text())
    (other.folder / "probe.npz").write_bytes((bundle.folder / "probe.npz").read_bytes())
    manifest["files"]["probe.npz"] = bundle.manifest["files"]["probe.npz"]
    manifest["sha256"] = _content_hash(manifest)
    (other.folder / "manifest.json").write_text(json.dumps(manifest))
    refused(tmp_path, 6, "largest difference", bundle_folder=str(other.folder))


def test_no_bundle_at_all(tmp_path):
    refused(tmp_path, 2, "manifest.json", bundle_folder=str(tmp_path / "nothing"))


def test_a_port_that_is_taken(tiny, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        news = refused(
            tmp_path, 2, "Address already in use", bundle_folder=str(tiny.folder), port=other.getsockname()[1]
        )
    assert "--port" in news["remedy"]


def test_an_address_that_is_not_ours(tiny, tmp_path):
    refused(tmp_path, 2, "192.0.2.1", bundle_folder=str(tiny.folder), host="192.0.2.1", key_hashes=["0" * 64])


def test_off_loopback_without_a_key(tiny, tmp_path):
    refused(tmp_path, 2, "without a key", bundle_folder=str(tiny.folder), host="0.0.0.0")


def test_a_config_with_mistakes_names_them_all(tmp_path):
    path = tmp_path / "config.json"
    deployments = [{"name": "blue", "bundle_folder": "x", "model": 3, "threads": True, "weight": 1}, "green"]
    path.write_text(json.dumps({"port": "80", "hots": "x", "deployments": deployments}))
    with pytest.raises(SpecError) as caught:
        ServingConfig.read(path)
    said = ["port: '80'", "hots: ", "deployments[1]: a str", *(f"deployments[0].{key}" for key in ("traffic", "model"))]
    assert all(word in str(caught.value) for word in [*said, "deployments[0].threads: True", "deployments[0].weight"])
    path.write_text("{}")
    with pytest.raises(SpecError, match="deployments is missing"):
        ServingConfig.read(path)
    for text in ("", "[]", "{"):
        path.write_text(text)
        with pytest.raises(SpecError):
            ServingConfig.read(path)


def test_a_config_written_is_the_config_read(tmp_path):
    deployments = (
        ServedDeployment("blue", "digits:3", tmp_path / "b", 90, threads=2),
        ServedDeployment("green", "", tmp_path / "g", 10, mirror=5),
    )
    config = ServingConfig(deployments, "digits", "sqlite:///x", "::1", 9, ("ab",))
    (tmp_path / "config.json").write_text(config.to_json())
    assert ServingConfig.read(tmp_path / "config.json") == config


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_loopback_needs_no_key(tmp_path, host):
    ServingConfig.of_bundle(tmp_path, host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_elsewhere_it_does(tmp_path, host):
    with pytest.raises(UsageError, match="without a key"):
        ServingConfig.of_bundle(tmp_path, host=host)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_drains_what_is_under_way_and_writes_the_log(tiny, tmp_path, number, exit_code):
    url = f"sqlite:///{tmp_path / 'workspace.db'}"
    content = json.dumps({"data": band_images(2)[0].reshape(2, -1).tolist()}).encode()
    head = f"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n\r\n".encode()
    with serving(tmp_path, bundle_folder=str(tiny.folder), endpoint="bands", database_url=url) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + content[:10])
            assert server.client.get("/v2/health/live").status_code == 200  # so the half request has been read
            server.process.send_signal(number)
            _until_refused(server.port)
            connection.sendall(content[10:])
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        assert server.process.wait(30) == exit_code
        assert "Traceback" not in server.log
    assert read_window(Database(url), "bands").n_images_R.tolist() == [2]


def _until_refused(port):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return


def test_draining_has_an_end(tiny, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), drain_s=1) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        connection.sendall(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert server.client.get("/v2/health/live").status_code == 200
        server.process.terminate()
        assert server.process.wait(30) == 0


def test_a_socket_and_news_can_be_inherited(tiny, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    read_end, write_end = os.pipe()
    (tmp_path / "c.json").write_text(
        ServingConfig.of_bundle(tiny.folder, socket_fd=listener.fileno(), status_fd=write_end).to_json()
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pigeonhole.serving", str(tmp_path / "c.json")], pass_fds=[listener.fileno(), write_end]
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            news = json.loads(pipe.readline())
        assert news["ready"]
        assert news["port"] == listener.getsockname()[1]
    finally:
        process.terminate()
        assert process.wait(30) == 0
    # The listener outlives the server: a connection made now waits for the next one instead of being refused.
    socket.create_connection(listener.getsockname()).close()
    listener.close()


def test_a_blocked_signal_is_unblocked(tiny, tmp_path):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with serving(tmp_path, bundle_folder=str(tiny.folder)) as server:
            server.process.terminate()
            assert server.process.wait(30) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
