"""Ray Serve with batching: one replica on one core."""

from __future__ import annotations

from typing import Any

from model import Model, answers, pixels
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Digits:
    """One image a request."""

    def __init__(self) -> None:
        self.model = Model()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def batch(self, rows: list[list[int]]) -> list[dict[str, Any]]:
        """A batch."""
        return answers(self.model.probabilities(pixels(rows)))

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One request."""
        return {"predictions": [await self.batch((await request.json())["data"][0])]}


app = Digits.bind()


if __name__ == "__main__":
    import os
    import signal

    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(app, route_prefix="/score")
    signal.pause()
