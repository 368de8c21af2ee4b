"""Which deployment answers a request, and which ones get a copy of it. Knows neither HTTP's body nor the models."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.http import Headers, RequestError

Item = TypeVar("Item")
HEADER = b"azureml-model-deployment"


class Deck(Generic[Item]):
    """A hundred cards, dealt in random order: every hundred draws hold each item exactly as often as its percentage.

    A draw costs 0.1 µs, and a shuffle 20 µs every hundred draws.

    Args:
        percentages: items and their shares in percent, which sum to 100 at most.
        rest: what the other cards hold.
        seed: for a repeatable order; `None` means another order each time.
    """

    def __init__(self, percentages: Sequence[tuple[Item, int]], rest: Item, seed: int | None = None) -> None:
        self._cards = [item for item, percent in percentages for _ in range(percent)]
        self._cards += [rest] * (100 - len(self._cards))
        self._random = random.Random(seed)  # noqa: S311 - shares the load, guards nothing
        self._left: list[Item] = []

    def draw(self) -> Item:
        """The next card."""
        if not self._left:
            self._left = self._random.sample(self._cards, 100)
        return self._left.pop()


class Router:
    """Chooses among the deployments of a server.

    Args:
        deployments: all of them.
        seed: see `Deck`.
    """

    def __init__(self, deployments: Sequence[Deployed], seed: int | None = None) -> None:
        self._by_name = {deployment.name.encode(): deployment for deployment in deployments}
        shares = [(deployment, deployment.traffic) for deployment in deployments]
        self._deck: Deck[Deployed | None] = Deck(shares, None, seed)
        self._mirrors = [
            (deployment, Deck([(True, deployment.mirror)], False, seed))
            for deployment in deployments
            if deployment.mirror
        ]
        # Told apart here, so that an endpoint with one deployment pays nothing for the choice.
        self._only = next((deployment for deployment, share in shares if share == 100), None)

    def choose(self, headers: Headers) -> Deployed:
        """The deployment that answers: the one that the header names, else one by the shares of traffic.

        Raises:
            RequestError: there is no such deployment, or none that has traffic (404).
        """
        if HEADER in headers:
            return self._named(headers[HEADER])
        chosen = self._only or self._deck.draw()
        if chosen is None:
            raise RequestError(
                404,
                "no_traffic",
                "a request to an endpoint none of whose deployments has traffic",
                f"the header azureml-model-deployment: {self._names()}",
                "send that header, or give a deployment traffic: pigeonhole endpoints update",
            )
        return chosen

    def copies(self, answering: Deployed) -> list[Deployed]:
        """The deployments that get a copy of this request."""
        if not self._mirrors:
            return []
        return [copy for copy, deck in self._mirrors if deck.draw() and copy is not answering]

    def _named(self, name: bytes) -> Deployed:
        """Asking for a deployment that is not here must not be answered by another."""
        deployment = self._by_name.get(name)
        if deployment is None:
            raise RequestError(
                404,
                "no_such_deployment",
                f"the deployment {name.decode('latin-1')!r}",
                self._names(),
                "leave out the header azureml-model-deployment, or correct it",
            )
        return deployment

    def _names(self) -> str:
        return " or ".join(name.decode() for name in self._by_name)
