"""TLS: the same connection behind it, files that are checked first, and a certificate that is renewed as it runs."""

from __future__ import annotations

import json
import socket
import ssl

import pytest

from pigeonhole.core.errors import UsageError
from pigeonhole.serving.tls import TlsFiles, context, files
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images
from tests.endpoints.waiting import wait_for
from tests.serving.certificates import make, trusted
from tests.serving.server_process import serving
from tests.serving.test_connection import BODIES, LABELS_N, Client, label, request

IMAGES_NHWC, _ = band_images(40, seed=5)


def told(pair):
    return {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tiny, pair, tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("tls"), bundle_folder=str(tiny.folder), request_timeout_s=2.0, **told(pair)
    ) as running:
        yield running


def connected(server, context, name="localhost"):
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    return context.wrap_socket(plain, server_hostname=name)


def shown(server, name="localhost"):
    """The certificate that a server shows, whatever it is."""
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    with connected(server, careless, name) as connection:
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_sent_together_are_answered_in_their_order(server, pair, version):
    trust = trusted(pair)
    trust.minimum_version = trust.maximum_version = version
    with connected(server, trust) as connection:
        client = Client(connection)
        client.send(b"".join(map(request, BODIES)))
        assert [label(client.answer()) for _ in BODIES] == [CLASS_NAMES[k] for k in LABELS_N]


def test_large_bodies_and_a_client_that_reads_late(server, pair):
    many = request(json.dumps({"data": IMAGES_NHWC.repeat(100, 0).reshape(4000, -1).tolist()}).encode())
    with connected(server, trusted(pair)) as connection:
        client = Client(connection)
        client.send(many * 2)
        for _ in range(2):
            assert len(json.loads(client.answer()[2])["predictions"]) == 4000


def test_who_speaks_no_tls_or_nothing_is_let_go_and_harms_nobody(server, pair):
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    silent = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with plain, silent:
        plain.sendall(request(BODIES[0]))
        assert b"HTTP" not in until_its_end(plain)
        with connected(server, trusted(pair)) as connection:
            client = Client(connection)
            client.send(request(BODIES[0]))
            assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
        with pytest.raises(ssl.SSLError):  # it trusts nobody
            connected(server, old)
        assert until_its_end(silent) == b""  # after the time that a request has
    assert "Traceback" not in server.log


def until_its_end(connection):
    heard = b""
    try:
        while part := connection.recv(4096):
            heard += part
    except ConnectionError:
        pass
    return heard


@pytest.mark.parametrize("name", ["localhost", None])
def test_a_renewed_certificate_is_shown_and_kept_connections_go_on(tiny, tmp_path, name):
    pair = make(tmp_path)
    first = pair.certificate.read_text()
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), drain_s=1, **told(pair)) as server,
        connected(server, trusted(pair)) as connection,
    ):
        client = Client(connection)
        client.send(request(BODIES[0]))
        assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
        fresh = make(tmp_path, "fresh")
        fresh.certificate.replace(pair.certificate)
        wait_for(lambda: "stays as it is" in server.log, "a word on a certificate without its key")
        assert shown(server, name) == first
        fresh.key.replace(pair.key)
        wait_for(lambda: "has been read again" in server.log, "the pair")
        assert shown(server, name) == pair.certificate.read_text() != first
        client.send(request(BODIES[1]))
        assert label(client.answer()) == CLASS_NAMES[LABELS_N[1]]


def test_a_server_ends_though_clients_keep_it_waiting(tiny, pair, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), drain_s=1, **told(pair)) as server,
        socket.create_connection(("127.0.0.1", server.port)),
        connected(server, trusted(pair)) as connection,
    ):
        connection.sendall(request(BODIES[0])[:-5])
        server.process.terminate()
        assert server.process.wait(30) == 0, server.log


def test_a_client_that_keeps_its_connection_for_later_does_not_hold_up_the_end(tiny, pair, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), drain_s=600, **told(pair)) as server,
        connected(server, trusted(pair)) as connection,
    ):
        client = Client(connection)
        client.send(request(BODIES[0]))
        assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
        server.process.terminate()
        assert server.process.wait(60) == 0, server.log  # the loop itself would wait for it for 30 s, or for drain_s
        assert connection.recv(1) == b""


def test_unfit_files_are_told_apart(tmp_path):
    pair, another, locked = make(tmp_path), make(tmp_path, "another"), make(tmp_path, "locked", b"secret")
    empty = tmp_path / "empty.pem"
    empty.touch()
    for certificate, key, why in [
        (pair.certificate, another.key, "is not that of the certificate"),
        (tmp_path / "none.pem", pair.key, "cannot be read: No such file"),
        (pair.certificate, tmp_path, "cannot be read: Is a directory"),
        (empty, pair.key, "holds no certificate in PEM"),
        (pair.certificate, pair.certificate, "holds no key in PEM"),
        (locked.certificate, locked.key, "is locked by a password"),
        (pair.certificate, None, "a certificate without its key"),
        (None, pair.key, "a key without its certificate"),
    ]:
        with pytest.raises(UsageError, match=why) as refused:
            files(certificate, key)
        assert refused.value.remedy
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError, match="cannot be used"):
        context(TlsFiles(str(broken), str(pair.key)))
    assert files(None, None) is None
    assert context(files(pair.certificate, pair.key)).minimum_version == ssl.TLSVersion.TLSv1_2
