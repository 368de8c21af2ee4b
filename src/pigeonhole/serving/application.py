"""What a connection asks of the application. Knows no socket and no route."""

from __future__ import annotations

from typing import Any, Protocol

from pigeonhole.serving.http import Headers, Reply, Request, RequestError, Respond
from pigeonhole.serving.lingering import Lingering


class Application(Protocol):
    """What answers."""

    max_body_bytes: int
    request_timeout_s: float
    lingering: Lingering

    def is_last(self) -> bool:
        """Whether the answer that goes out now ends its connection."""

    def new_id(self) -> str:
        """An id for a request."""

    def answer(self, request: Request, respond: Respond) -> None:
        """Calls `respond` once, now or later."""

    def refuse_early(self, path: str, headers: Headers) -> RequestError | None:
        """Why a request is refused whose large body has not come yet."""

    def limit_s(self, request: Request) -> float:
        """How long a request may take that is being answered."""

    def answered(self, request: Request, reply: Reply, size_bytes: int, peer: Any) -> None:
        """Counts an answer of so many bytes; of none, where the client had gone."""

    def give_up(self, request: Request) -> bool:
        """Answers a request whose time is over; False if it does not know it."""

    def abandon(self, request: Request) -> None:
        """The client of a request under way has gone."""
