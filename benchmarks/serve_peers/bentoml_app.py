"""BentoML with adaptive batching; each of at most 64 requests brings one image."""

from __future__ import annotations

from typing import Any

import bentoml
from model import Model, answers, pixels


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Digits:
    """One image a request."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=10_000, route="/score")
    def score(self, data: list[list[int]]) -> list[dict[str, Any]]:
        """A batch."""
        return answers(self.model.probabilities(pixels(data)))
