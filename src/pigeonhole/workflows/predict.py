"""`predict`: image files in, labels out, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pigeonhole import images
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import find_bundle


@dataclass(frozen=True)
class FilePrediction:
    """What the model says about one image file."""

    file: str
    label: str
    probability: float
    probabilities: dict[str, float]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The prediction as JSON-ready values."""
        return asdict(self)


def predict(
    model: str | Path,
    files: Sequence[str | Path],
    *,
    invert: bool = False,
    workspace: Workspace | str | Path | None = None,
) -> list[FilePrediction]:
    """What a model says about image files of any size, colour and orientation.

    Args:
        model: a registered model, or the folder of a bundle.
        files: image files.
        invert: swap dark and light first.
        workspace: where the model is registered; not looked for where `model` is a folder.

    Raises:
        DataError: files that are no images; all are named.
    """
    loaded = find_bundle(model, workspace)
    paths = [Path(file) for file in files]
    prepared = images.prepare_files(paths, loaded.shape_HWC, invert=invert, reference=loaded.normal)
    images_NHWC = np.stack([item.image_HWC for item in prepared])
    probs_NK = loaded.predict(images_NHWC).probs_NK
    return [
        FilePrediction(
            str(file),
            label,
            float(probs_K.max()),
            dict(zip(loaded.class_names, map(float, probs_K), strict=True)),
            tuple(item.warnings),
        )
        for file, item, label, probs_K in zip(files, prepared, loaded.labels(probs_NK), probs_NK, strict=True)
    ]
