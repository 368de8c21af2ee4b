"""uvicorn's HTTP connection, with our JSON body where the request is not even HTTP."""

from __future__ import annotations

import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pigeonhole.serving.failures import failure


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def send_400_response(self, msg: str) -> None:
        """Answers bytes that are no HTTP request, and closes."""
        request_id = uuid.uuid4().hex
        text = f"bytes that are no HTTP request ({msg})\naccepted: HTTP/1.1\nnext: check the address and the client"
        body = failure(text, "not_http", request_id)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"x-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
