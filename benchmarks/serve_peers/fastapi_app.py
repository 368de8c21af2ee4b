"""FastAPI with pydantic models, as usually written: the path function is synchronous, so it runs in a thread."""

from __future__ import annotations

from fastapi import FastAPI
from model import Model, answers, pixels
from pydantic import BaseModel

MODEL = Model()
app = FastAPI()


class Images(BaseModel):
    """Rows of pixels."""

    data: list[list[int]] | list[list[float]]


class Prediction(BaseModel):
    """What one image shows."""

    label: str
    probabilities: list[float]


class Predictions(BaseModel):
    """An answer for each image."""

    predictions: list[Prediction]


@app.post("/score")
def score(images: Images) -> Predictions:
    """Answers."""
    found = answers(MODEL.probabilities(pixels(images.data)))
    return Predictions(predictions=[Prediction(**answer) for answer in found])
