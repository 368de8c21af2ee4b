"""A reader that knows heads hands over what one hands over that reads each anew, whatever comes in which pieces."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pigeonhole.serving.heads import END, LIMIT_BYTES, Head, template
from pigeonhole.serving.http import RequestError
from pigeonhole.serving.reading import Reader


class Taken:
    """In place of `Answers`: everything is answered at once."""

    def __init__(self):
        self.answering, self.since_s, self.is_closing, self.is_deaf = None, 0.0, False, False
        self.requests = []

    def take(self, request, keep, reply):
        self.is_deaf = not keep
        told = (request.method, request.path, request.query, dict(request.headers))
        status = reply.status if reply else _refused(request)
        self.requests.append((*told, request.body() if status is None else b"", keep, status))

    def go_on(self):
        self.requests.append("100 Continue")


def _refused(request):
    try:
        request.body()
    except RequestError as error:
        return error.status
    return None


def reader():
    app = SimpleNamespace(max_body_bytes=300, request_timeout_s=1, new_id=lambda: "x-1", refuse_early=lambda *_: None)
    taken = Taken()
    return Reader(app, taken), taken


def fed(pieces, *, forgets=False):
    """What is handed over of a connection that gets these pieces; and what it expects of the next head."""
    read, taken = reader()
    for piece in pieces:
        if not taken.is_deaf:
            read.feed(piece)
        if forgets:
            read._template = None
    return taken.requests, read._template


def request(body=b"", more=b"", first=b"POST /score?a=b%20c HTTP/1.1", length=None):
    size = len(body) if length is None else length
    return b"%b\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n%b" % (first, more, size, body)


MESSAGES = [
    request(b"one"),
    request(b"two"),
    request(b"three"),
    request(),
    request(b"key", b"Authorization: Bearer a\r\n"),
    request(b"key", b"Authorization: Bearer b\r\n"),
    request(b"get", first=b"GET /%7Epath HTTP/1.1"),
    request(b"old", first=b"POST /score HTTP/1.0"),
    request(b"old", b"connection: keep-alive\r\n", first=b"POST /score HTTP/1.0"),
    request(b"bye", b"connection: close\r\n"),
    request(b"wait", b"expect: 100-continue\r\n"),
    request(b"up", b"connection: upgrade\r\nupgrade: websocket\r\n"),
    request(b"x" * 301),
    request(b"ends\r\n\r\nhere"),
    request(b"\r\n\r\n"),
    request(b"short", length=9),
    b"POST /score HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /score HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nlate: yes\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\n\n",
    b"POST /score HTTP/1.1\ncontent-length: 10\n\nab\r\n\r\nwxyz",
    b"POST /score HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
    b"POST /score HTTP/1.1\r\ncontent-length: 3\r\nCONTENT-length: 4\r\n\r\nabcd",
    b"POST /score HTTP/1.1\r\nx: a\r\n b\r\ncontent-length: 1\r\n\r\na",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n\r\nabc",
    b"no http\r\n\r\n",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=8), st.data())
def test_knowing_heads_changes_nothing(messages, data):
    stream = b"".join(messages)
    # As the messages are, or cut anywhere.
    edges = {sum(map(len, messages[:index])) for index in range(1, len(messages))}
    cuts = data.draw(st.one_of(st.just(edges), st.sets(st.integers(0, len(stream)), max_size=6)))
    ends = sorted({*cuts, len(stream)} - {0})
    pieces = [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert fed(pieces)[0] == fed(pieces, forgets=True)[0]


def test_the_second_with_the_same_head_and_another_length_is_recognised(monkeypatch):
    read, taken = reader()
    read.feed(request(b"one"))
    monkeypatch.setattr(read, "_parser", None)  # is not asked any more
    read.feed(request(b"a longer one"))
    read.feed(request())
    one, two, three = taken.requests
    assert one[:3] == two[:3] == three[:3] == ("POST", "/score", b"a=b%20c")
    assert [each[3][b"content-length"] for each in taken.requests] == [b"3", b"12", b"0"]
    assert [each[4] for each in taken.requests] == [b"one", b"a longer one", b""]
    assert (one[5], two[5], three[5]) == (True, True, True)


@pytest.mark.parametrize(
    "message",
    [
        *(message for message in MESSAGES if b"expect" in message or b"chunked" in message or b"close" in message),
        request(b"long", b"x: %b\r\n" % (b"a" * LIMIT_BYTES)),
        request(b"one") + request(b"another"),
        b"\r\n\r\n" + request(b"one"),
        b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_of_what_is_unusual_no_other_is_expected(message):
    requests, expected = fed([message])
    assert requests
    assert expected is None


def test_a_length_that_only_seems_to_be_one_is_left_alone():
    raw = b"POST /score?a=content-length:%203 HTTP/1.1\r\nx: content-length: 3\r\nContent-Length: 3\r\ny: 3"
    expected = template(raw, Head("POST", "/score", b"", {b"content-length": b"3"}))
    assert expected.before.endswith(b"\r\nContent-Length: ")
    assert expected.after == b"\r\ny: 3" + END
    assert expected.matched(expected.before + b"2" + expected.after + b"ab") == ({b"content-length": b"2"}, b"ab")
    for digits, body in ((b"2", b"abc"), (b"2", b"a"), (b"", b""), (b"+2", b"ab"), (b" 2", b"ab"), (b"100000", b"a")):
        assert expected.matched(expected.before + digits + expected.after + body) is None
    assert template(raw + b"\r\ncontent-length: 3", Head("POST", "/score", b"", {b"content-length": b"3"})) is None
