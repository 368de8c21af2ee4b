"""A finished network: its files, and probabilities from it in fp32.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pigeonhole.core.errors import DataError, NotFoundError
from pigeonhole.core.files import read_json, write_json
from pigeonhole.models.checkpoints import MODEL_JSON, WEIGHTS
from pigeonhole.models.networks.batches import Loader, Normalizer
from pigeonhole.models.networks.checkpoints.checkpoint import copy_weights, read_tensors, write_tensors
from pigeonhole.models.networks.network import Network, network_of
from pigeonhole.models.networks.views import merged, views
from pigeonhole.models.settings import Views
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import PREDICTION_BATCH, Floats, Images, check_images

FORMAT = "pigeonhole-network"
FORMAT_VERSION = 1


@dataclass
class TrainedNetwork:
    """A network with the weights of the epoch it kept; see `models.Trained`.

    Attributes:
        network: in fp32, evaluation mode, on the CPU.
        normalizer: what its images are normalised with.
        spec: what it was made from.
        class_names: class k's name.
        shape_HWC: the images it takes.
        facts: how it was trained.
        history: the record of each epoch.
        seed: what it was trained with.
        fingerprint: of spec, seed and data.
    """

    network: Network
    normalizer: Normalizer
    spec: ModelSpec
    class_names: tuple[str, ...]
    shape_HWC: tuple[int, int, int]
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    seed: int
    fingerprint: str = field(repr=False)

    @property
    def kind(self) -> str:
        """`network`."""
        return "network"

    @property
    def n_parameters(self) -> int:
        """Trained numbers in it."""
        return self.network.n_parameters

    @property
    def views(self) -> Views:
        """The views of an image over which its probabilities are averaged."""
        return self.spec.training.test_time_augmentation if self.spec.training else Views()

    @torch.inference_mode()
    def probabilities(self, images_NHWC: Images, batch_size: int = PREDICTION_BATCH) -> Floats:
        """Probabilities (N, K) in fp32.

        Raises:
            DataError: images of another type or shape.
        """
        check_images(images_NHWC, self.shape_HWC, self.facts.get("pixel_type", "uint8"))
        probs_NK = np.empty((len(images_NHWC), len(self.class_names)), np.float32)
        self.network.eval()
        start, how = 0, self.views
        for x_NCHW in Loader(images_NHWC, self.normalizer, "cpu").in_order(max(1, batch_size // how.count)):
            logits_NK = merged(self.network(views(x_NCHW, how)), how)
            probs_NK[start : start + len(x_NCHW)] = torch.softmax(logits_NK, dim=1).numpy()
            start += len(x_NCHW)
        return probs_NK

    def save(self, folder: Path) -> None:
        """Writes weights and then `model.json`, whose presence says that the training is finished."""
        write_tensors(folder / WEIGHTS, {"network": self.network.state_dict()}, {"fingerprint": self.fingerprint})
        write_json(
            folder / MODEL_JSON,
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "spec": self.spec.to_dict(),
                "class_names": list(self.class_names),
                "shape_HWC": list(self.shape_HWC),
                "normalizer": {"mean_C": self.normalizer.mean_C, "sd_C": self.normalizer.sd_C},
                "seed": self.seed,
                "fingerprint": self.fingerprint,
                "facts": self.facts,
                "history": self.history,
            },
        )


def load_network(folder: Path) -> TrainedNetwork:
    """The finished network in a model folder.

    Raises:
        NotFoundError: there is none.
        DataError: damaged, or a later release's.
    """
    path = folder / MODEL_JSON
    if not path.is_file():
        raise NotFoundError(
            f"no finished network in {folder}",
            "the folder of a network whose training has ended; an estimator lives on in its bundle",
            "train it to the end, or use its bundle",
        )
    try:
        saved = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "JSON", "train the model again") from error
    if (saved.get("format"), saved.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise DataError(
            f"{path} has format {saved.get('format')!r}, version {saved.get('format_version')}",
            f"{FORMAT}, version {FORMAT_VERSION}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    return _from_json(saved, read_tensors(folder / WEIGHTS).groups["network"])


def _from_json(saved: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TrainedNetwork:
    spec = ModelSpec.from_dict(saved["spec"])
    height, width, channels = saved["shape_HWC"]
    class_names = tuple(saved["class_names"])
    with torch.random.fork_rng(devices=[]):
        network = network_of(spec, (height, width, channels), len(class_names))
    copy_weights(network.state_dict(), weights)
    normalizer = Normalizer(tuple(saved["normalizer"]["mean_C"]), tuple(saved["normalizer"]["sd_C"]))
    return TrainedNetwork(
        network.eval(),
        normalizer,
        spec,
        class_names,
        (height, width, channels),
        saved["facts"],
        saved["history"],
        saved["seed"],
        saved["fingerprint"],
    )
