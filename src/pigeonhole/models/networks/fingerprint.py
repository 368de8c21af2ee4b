"""What makes two trainings the same one, so that a folder is only ever gone on with by the training that began it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from pigeonhole.core.files import sha256_file
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import Images, Labels, TrainingData

_SAMPLE = 64


def fingerprint(spec: ModelSpec, data: TrainingData, seed: int, start_from: Path | None) -> str:
    """A hash over everything that decides the final weights, except the machine.

    Of the images only 64 evenly spaced ones are read: the dataset's own hash belongs to whoever names the run.
    """
    parts = hashlib.sha256()
    words = {
        "spec": spec.to_dict(),
        "seed": seed,
        "class_names": list(data.class_names),
        "start_from": sha256_file(start_from) if start_from else None,
    }
    parts.update(json.dumps(words, sort_keys=True).encode())
    _add(parts, data.train_images_NHWC, data.train_labels_N)
    if data.validation is not None:
        _add(parts, *data.validation)
    return parts.hexdigest()


def _add(parts: hashlib._Hash, images_NHWC: Images, labels_N: Labels) -> None:
    parts.update(str(images_NHWC.shape).encode())
    parts.update(np.ascontiguousarray(labels_N, np.int64).tobytes())
    parts.update(np.ascontiguousarray(images_NHWC[:: -(-len(images_NHWC) // _SAMPLE)]).tobytes())
