"""TLS of an endpoint: told by files, kept from change to change, seen in its URL."""

from __future__ import annotations

import os
import signal
import ssl

import httpx
import pytest

from pigeonhole import endpoints
from pigeonhole.core.errors import UsageError
from pigeonhole.workflows.deploy import deploy as deploy_workflow
from tests.endpoints.asking import ROWS, deploy
from tests.endpoints.waiting import wait_for
from tests.serving.certificates import make, trusted


def score(status, context):
    with httpx.Client(verify=context, timeout=30) as client:
        return client.post(f"{status.url}/score", json={"data": ROWS})


def test_an_endpoint_that_speaks_tls_goes_on_doing_so(workspace, tiny, other, tmp_path):
    pair = make(tmp_path)
    status = deploy(workspace, tiny, tls_certificate=pair.certificate, tls_key=pair.key)
    assert (status.state, status.url[:18]) == ("Healthy", "https://127.0.0.1:")
    assert score(status, trusted(pair)).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(status.url.replace("https", "http"), timeout=30)
    # What changes something else leaves it.
    newer = deploy(workspace, other, "bands:2", workers="1")
    assert score(newer, trusted(pair)).json()["model"] == "bands:2"
    assert deploy(workspace, other, "bands:2").unchanged
    configs = "".join(path.read_text() for path in workspace.root.rglob("server-*.json"))
    assert str(pair.key) in configs
    assert pair.key.read_text().splitlines()[1] not in configs

    # Without its supervisor the server is looked at through TLS, and has to show this very certificate.
    os.kill(newer.pids[0], signal.SIGKILL)
    wait_for(lambda: "still answers" in endpoints.show(workspace, "bands").reason, "a word on the lost supervisor")

    plain = deploy(workspace, other, "bands:2", tls_certificate="")
    assert plain.url.startswith("http://")
    assert score(plain, ssl.create_default_context()).status_code == 200


def test_unfit_files_are_refused_before_anything_starts(workspace, tiny, tmp_path):
    pair, another = make(tmp_path), make(tmp_path, "another")
    with pytest.raises(UsageError, match="is not that of the certificate"):
        deploy(workspace, tiny, tls_certificate=pair.certificate, tls_key=another.key)
    with pytest.raises(UsageError, match="a certificate without its key"):
        deploy(workspace, tiny, tls_certificate=pair.certificate)
    assert endpoints.list_endpoints(workspace) == []


def test_workers_and_limits_are_told_with_the_deployment(workspace, tiny):
    told = {
        "endpoint": "bands",
        "port": 0,
        "cpu": 0.25,
        "memory_gib": 0.25,
        "workspace": workspace,
        "workers": 2,
        "request_settings": {"max_concurrent_requests_per_instance": 3, "request_timeout_ms": 20_000},
        "image_log": {"days": 30},
    }
    status = deploy_workflow(tiny, **told)
    assert status.workers == (2, 2)
    config = next((workspace.root / "endpoints" / "bands").glob("server-*.json")).read_text()
    assert '"max_concurrent_requests_per_instance": 3' in config
    assert '"days": 30' in config
    again = deploy_workflow(tiny, **told)
    assert again.unchanged
    with pytest.raises(UsageError, match=r"request_timeout_ms: '0'.*\n.*image_log.years: unknown key"):
        deploy_workflow(tiny, **{**told, "request_settings": {"request_timeout_ms": 0}, "image_log": {"years": 1}})
