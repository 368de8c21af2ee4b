"""Small logs and entries for the tests of this room."""

from __future__ import annotations

import numpy as np

from pigeonhole.predictions import Entry, PredictionLog

SHAPE = (4, 4, 1)
NAMES = ("a", "b", "c")


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE)).astype(np.uint8)


def probs(labels, n_classes=3, top=0.8):
    probs_NK = np.full((len(labels), n_classes), (1 - top) / (n_classes - 1), np.float32)
    probs_NK[np.arange(len(labels)), labels] = top
    return probs_NK


def open_log(url, endpoint="digits", class_names=NAMES, model="digits:1", deployment="blue", **changes):
    return PredictionLog(
        url,
        endpoint,
        deployment=deployment,
        model=model,
        bundle_sha256="0" * 64,
        class_names=class_names,
        shape_HWC=SHAPE,
        **changes,
    )


def entry(log, number, labels, at=1000.0, seed=0):
    images_NHWC = images(len(labels), seed)
    return Entry(
        f"{log.source}-{number:x}", at, 1.5 + number, 200, None, len(labels), images_NHWC.tobytes(), probs(labels)
    )


def refused(log, number, at=1000.0):
    return Entry(f"{log.source}-{number:x}", at, 0.3, 422, "data_error")
