"""What a connection must get right by itself: one request after the other, whatever the client does with its bytes."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest

from pigeonhole.serving import hash_key
from tests.bundle.tiny_onnx import CLASS_NAMES, band_images
from tests.serving.server_process import serving

IMAGES_NHWC, LABELS_N = band_images(40, seed=5)
BODIES = [json.dumps({"data": image.reshape(1, -1).tolist()}).encode() for image in IMAGES_NHWC]


@pytest.fixture(scope="module")
def server(tiny, tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("connection"), bundle_folder=str(tiny.folder), max_body_bytes=1_000_000
    ) as running:
        yield running


@pytest.fixture
def client(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        yield Client(connection)


class Client:
    """A socket, and whole answers from it."""

    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("rb")

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, *, has_body=True):
        status = self.file.readline()
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0))) if has_body else b""
        return int(status.split()[1]) if status else None, headers, body

    def is_closed(self):
        return self.file.read(1) == b""


def request(body, version=b"1.1", more=b"", method=b"POST", path=b"/score"):
    head = b"%b %b HTTP/%b\r\nhost: x\r\ncontent-type: application/json\r\n%b" % (method, path, version, more)
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def label(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])["predictions"][0]["label"]


def test_requests_sent_together_are_answered_in_their_order(client):
    client.send(b"".join(map(request, BODIES)))
    assert [label(client.answer()) for _ in BODIES] == [CLASS_NAMES[k] for k in LABELS_N]


def test_a_thousand_refusals_sent_together_are_answered_one_by_one(client):
    client.send(request(b"{", path=b"/nowhere") * 1000)
    assert {client.answer()[0] for _ in range(1000)} == {404}
    client.send(request(BODIES[0]))
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]


def test_a_request_may_come_byte_by_byte(client):
    for byte in request(BODIES[0]):
        client.send(bytes([byte]))
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]


def test_an_image_and_a_page_may_share_a_connection(client):
    client.send(request(BODIES[0]) + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" + request(BODIES[1]))
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
    assert client.answer()[2] == b"Healthy"
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[1]]


def test_a_large_body_read_in_a_thread_keeps_its_place(client):
    many = json.dumps({"data": IMAGES_NHWC.repeat(100, 0).reshape(4000, -1).tolist()}).encode()
    assert len(many) > 256 << 10
    client.send(request(many) + request(BODIES[1]))
    assert len(json.loads(client.answer()[2])["predictions"]) == 4000
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[1]]


def test_a_chunked_body(client):
    pieces = [BODIES[0][:7], BODIES[0][7:]]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    client.send(b"POST /score HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]


def test_a_chunked_body_that_grows_too_large_is_refused_on_its_way(client):
    client.send(b"POST /score HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    client.send(b"%x\r\n%b\r\n" % (1_000_001, b" " * 1_000_001))
    status, headers, body = client.answer()
    assert (status, headers["connection"], json.loads(body)["error_code"]) == (413, "close", "body_too_large")
    assert client.is_closed()


def test_a_client_that_asks_first_is_told_to_go_on(client):
    client.send(request(BODIES[0], more=b"expect: 100-continue\r\n")[: -len(BODIES[0])])
    assert client.answer()[0] == 100
    client.send(BODIES[0])
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]


def test_a_client_that_asks_first_with_too_much_need_not_send_it(client):
    client.send(b"POST /score HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n")
    assert client.answer()[0] == 413
    assert client.is_closed()


@pytest.mark.parametrize(("version", "more"), [(b"1.0", b""), (b"1.1", b"connection: close\r\n")])
def test_a_client_that_wants_one_answer_gets_one(client, version, more):
    client.send(request(BODIES[0], version, more))
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert client.is_closed()


def test_head_tells_the_length_and_sends_nothing(client):
    client.send(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    status, headers, _ = client.answer(has_body=False)
    assert (status, headers["content-length"]) == (200, "7")
    client.send(request(BODIES[0]))
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]


def test_another_protocol_is_not_begun(client):
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert client.answer()[2] == b"Healthy"
    assert client.is_closed()


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"])
def test_what_is_no_request_is_refused_and_the_others_are_served(client, server, rubbish):
    client.send(rubbish)
    status, _, body = client.answer()
    assert (status, json.loads(body)["error_code"]) == (400, "not_http")
    assert client.is_closed()
    assert server.score(IMAGES_NHWC[:1].reshape(1, -1).tolist()).status_code == 200


def test_a_path_may_be_escaped_and_answers_tell_the_date(client):
    client.send(request(BODIES[0], path=b"/sc%6Fre"))
    answer = client.answer()
    assert label(answer) == CLASS_NAMES[LABELS_N[0]]
    assert answer[1]["date"].endswith("GMT")


def test_a_client_that_does_not_read_is_not_read_from(server, client):
    """Its answers wait in its own connection, up to a limit, and nobody else waits."""
    many = request(json.dumps({"data": IMAGES_NHWC.repeat(50, 0).reshape(2000, -1).tolist()}).encode())
    client.connection.settimeout(0.5)
    assert takes(client, many, 500) < 500
    assert server.score(IMAGES_NHWC[:1].reshape(1, -1).tolist()).status_code == 200


def takes(client, data, most):
    """How many times the server takes the data before it stops reading."""
    for count in range(most):
        try:
            client.send(data)
        except TimeoutError:
            return count
    return most


def test_rubbish_behind_a_request_is_refused_after_its_answer(client):
    client.send(request(BODIES[0]) + b"\x16\x03\x01\r\n\r\n")
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
    assert client.answer()[0] == 400
    assert client.is_closed()


def test_bytes_behind_the_last_request_take_no_answer_away(client):
    client.send(request(BODIES[0], more=b"connection: close\r\n") + request(BODIES[1]))
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
    assert client.is_closed()


def test_what_stands_behind_a_refused_body_is_not_run(client, server):
    counted = server.client.get("/metrics").text
    too_much = b"%x\r\n%b\r\n0\r\n\r\n" % (1_000_001, b" " * 1_000_001)
    client.send(
        b"POST /score HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + too_much + request(BODIES[1])
    )
    assert client.answer()[0] == 413
    assert client.is_closed()
    assert lines(server.client.get("/metrics").text, "predictions") == lines(counted, "predictions")


def lines(metrics, name):
    return [line for line in metrics.splitlines() if line.startswith(f"pigeonhole_{name}")]


def test_an_unfinished_request_to_no_address_ends_nothing(tiny, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), request_timeout_s=0.3) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST http://[ HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
        assert Client(connection).answer()[0] == 400
        assert server.score(IMAGES_NHWC[:1].reshape(1, -1).tolist()).status_code == 200


def test_a_header_without_an_end_is_refused(client):
    client.send(b"GET / HTTP/1.1\r\nx-a: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            client.send(b"a" * 65536)
    with contextlib.suppress(ConnectionError):  # it may be reset before its answer is read, since it goes on sending
        assert client.answer()[0] in (431, None)


def test_a_trailer_is_no_header(tiny, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), key_hashes=[hash_key("a-good-key")]) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        head = b"POST /score HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        body = b"%x\r\n%b\r\n0\r\nauthorization: Bearer a-good-key\r\n\r\n" % (len(BODIES[0]), BODIES[0])
        connection.sendall(head + body)
        assert Client(connection).answer()[0] == 401


def test_a_client_without_a_key_is_not_told_to_send_its_body(tiny, tmp_path):
    with (
        serving(tmp_path, bundle_folder=str(tiny.folder), key_hashes=[hash_key("a-good-key")]) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST /score HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 999999\r\n\r\n")
        assert Client(connection).answer()[0] == 401


def test_a_client_that_stops_sending_still_gets_its_answer(client):
    many = json.dumps({"data": IMAGES_NHWC.repeat(100, 0).reshape(4000, -1).tolist()}).encode()
    client.send(request(many))
    client.connection.shutdown(socket.SHUT_WR)
    assert len(json.loads(client.answer()[2])["predictions"]) == 4000
    assert client.is_closed()


def test_a_request_that_offers_another_protocol_keeps_its_body(client):
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
    whole = request(BODIES[0], more=offer)
    client.send(whole[:-20])
    client.send(whole[-20:])
    assert label(client.answer()) == CLASS_NAMES[LABELS_N[0]]
    assert client.is_closed()
