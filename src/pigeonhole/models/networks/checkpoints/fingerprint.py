"""What makes two trainings the same one, so that a folder is only ever gone on with by the training that began it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole.core.errors import ConflictError
from pigeonhole.core.files import sha256_file
from pigeonhole.models.layers import parse_layers
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import Images, Labels, TrainingData

_SAMPLE = 64


@dataclass(frozen=True)
class Identity:
    """Everything that decides the final weights, except the machine.

    Attributes:
        spec: what is trained.
        data: on what.
        seed: the training's.
        start_from: the checkpoint of another training that it starts from.
    """

    spec: ModelSpec
    data: TrainingData
    seed: int
    start_from: Path | None

    def mark(self, spec_words: Mapping[str, Any] | None = None) -> str:
        """A hash over all of it.

        Of the images only 64 evenly spaced ones are read: the dataset's own hash belongs to whoever names the run.

        Args:
            spec_words: the spec as JSON; `None` means as this release writes it.
        """
        parts = hashlib.sha256()
        words = {
            "spec": spec_words or self.spec.to_dict(),
            "seed": self.seed,
            "class_names": list(self.data.class_names),
            "start_from": sha256_file(self.start_from) if self.start_from else None,
        }
        parts.update(json.dumps(words, sort_keys=True).encode())
        _add(parts, self.data.train_images_NHWC, self.data.train_labels_N)
        if self.data.validation is not None:
            _add(parts, *self.data.validation)
        return parts.hexdigest()

    def refuse_another(self, folder: Path, mark: str, spec_words: Mapping[str, Any]) -> None:
        """Refuses to go on in a folder that another training began.

        An earlier release had fewer settings to write down; the training is the same if the rest have their defaults.

        Args:
            folder: named in the message.
            mark: of the training that stands there.
            spec_words: its spec, as it was written.

        Raises:
            ConflictError: they are not the same.
        """
        if mark == self.mark() or (_same(spec_words, self.spec) and mark == self.mark(spec_words)):
            return
        raise ConflictError(
            f"{folder} holds a training with other settings, seed or images",
            "a new folder, or the very same training",
            "use another folder, or pass that training's checkpoint as the one to start from",
        )


def _same(spec_words: Mapping[str, Any], spec: ModelSpec) -> bool:
    """Whether an older spec is `spec` once what it does not name has its default."""
    theirs = ModelSpec.from_dict(spec_words)
    if parse_layers(list(theirs.layers))[0] != parse_layers(list(spec.layers))[0]:
        return False
    return (theirs.kind, theirs.parameters, theirs.training) == (spec.kind, spec.parameters, spec.training)


def _add(parts: hashlib._Hash, images_NHWC: Images, labels_N: Labels) -> None:
    parts.update(str(images_NHWC.shape).encode())
    parts.update(np.ascontiguousarray(labels_N, np.int64).tobytes())
    parts.update(np.ascontiguousarray(images_NHWC[:: -(-len(images_NHWC) // _SAMPLE)]).tobytes())
