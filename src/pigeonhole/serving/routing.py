"""Which deployment answers a request, and which ones get a copy of it. Knows neither HTTP's body nor the models."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Generic, TypeVar, cast

from pigeonhole.serving.deployed import Answering, Deployed
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

    def __init__(self, deployments: Sequence[Answering], seed: int | None = None) -> None:
        self._by_name = {deployment.name.encode(): deployment for deployment in deployments}
        shares = [(deployment, deployment.traffic) for deployment in deployments]
        self._deck: Deck[Answering | None] = Deck(shares, None, seed)
        self._mirrors = [
            (deployment, Deck([(True, deployment.mirror)], False, seed))
            for deployment in deployments
            if deployment.mirror
        ]
        self._random = random.Random(seed)  # noqa: S311 - shares the load, guards nothing
        self._by_model: dict[tuple[str, str | None], list[Deployed]] = {}
        # Scripts are asked by /score alone.
        for deployment in (one for one in deployments if isinstance(one, Deployed)):
            for name in dict.fromkeys((deployment.model_name, deployment.model)):
                for version in (None, deployment.model_version):
                    self._by_model.setdefault((name, version), []).append(deployment)
        # Told apart here, so that an endpoint with one deployment pays nothing for the choice.
        self._only = next((deployment for deployment, share in shares if share == 100), None)

    def choose(self, headers: Headers) -> Answering:
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

    def of_model(self, name: str, version: str | None, headers: Headers) -> Deployed:
        """The deployment that answers for a model: the one that the header names, else one by the shares of traffic.

        Args:
            name: `digits`, or with its version `digits:3`.
            version: `3`; `None` leaves it open.
            headers: of the request.

        Raises:
            RequestError: none of the deployments has that model, or the header names another one (404).
        """
        fit = self.with_model(name, version)
        if len(fit) == len(self._by_name):
            return cast("Deployed", self.choose(headers))
        if HEADER in headers:
            if not isinstance(named := self._named(headers[HEADER]), Deployed) or named not in fit:
                raise _no_such_model(f"the model {name} in the deployment {named.name}", f"its model {named.model}")
            return named
        with_traffic = [deployment for deployment in fit if deployment.traffic]
        if len(with_traffic) < 2:
            # Whoever names a version asks for it, whatever its traffic.
            return (with_traffic or fit)[0]
        return self._random.choices(with_traffic, [deployment.traffic for deployment in with_traffic])[0]

    def with_model(self, name: str, version: str | None) -> list[Deployed]:
        """The deployments that have a model.

        Raises:
            RequestError: there is none (404).
        """
        fit = self._by_model.get((name, version))
        if fit is None:
            told = name if version is None else f"version {version} of {name}"
            known = sorted({deployment.model for deployment in self._by_name.values()})
            raise _no_such_model(f"the model {told}", " or ".join(known))
        return fit

    def model_paths(self) -> list[str]:
        """The paths of the Open Inference Protocol below which a model answers."""
        return [
            f"/v2/models/{name}" if version is None else f"/v2/models/{name}/versions/{version}"
            for name, version in self._by_model
        ]

    def copies(self, answering: Answering) -> list[Answering]:
        """The deployments that get a copy of this request."""
        if not self._mirrors:
            return []
        return [copy for copy, deck in self._mirrors if deck.draw() and copy is not answering]

    def _named(self, name: bytes) -> Answering:
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


def _no_such_model(received: str, accepted: str) -> RequestError:
    return RequestError(
        404, "no_such_model", received, accepted, "correct the path; GET /v2 and /metrics name what is here"
    )
