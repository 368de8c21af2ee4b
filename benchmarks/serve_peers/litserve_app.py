"""LitServe with batching: up to 64 requests, and no longer than a millisecond of waiting; its fast queue is on."""

from __future__ import annotations

import os
from typing import Any

import litserve
import numpy as np
from model import Model, answers, pixels


class Api(litserve.LitAPI):
    """One image a request."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Once a worker."""
        self.model = Model()

    def decode_request(self, request):
        """One request's pixels (P)."""
        return pixels(request["data"])[0]

    def predict(self, images_NP: np.ndarray) -> np.ndarray:
        """A batch of them, as the default `batch` stacks them."""
        return self.model.probabilities(images_NP)

    def encode_response(self, probs_K: np.ndarray) -> dict[str, Any]:
        """One answer."""
        return {"predictions": answers(probs_K[None])}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.001, api_path="/score")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
