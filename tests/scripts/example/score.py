"""A scoring script as Azure ML's tutorials write it: numbers in, a list out."""

import json
import logging
import os

import numpy as np


def init():
    global weights
    path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model", "weights.json")
    with open(path) as file:
        weights = np.array(json.load(file))
    logging.info("Init complete")


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"])
    print("predicting", len(data), "rows")
    return (data @ weights).tolist()
