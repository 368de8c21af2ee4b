"""A scoring script for Azure ML's inference server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import model


def init() -> None:
    """Once a worker."""
    global MODEL
    MODEL = model.Model()


def run(data: str) -> dict[str, Any]:
    """One request."""
    return {"predictions": model.answers(MODEL.probabilities(model.pixels(json.loads(data)["data"])))}
