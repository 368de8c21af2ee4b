"""`cnn-3` in the usual PyTorch loop, as tutorials write it: Dataset, DataLoader, fp32. Needs no pigeonhole.

    python speed_torch.py IMAGES.npz SETTINGS.json [--workers 0]

Run by train_speed.py. Each image is turned and shifted by Pillow, as torchvision's RandomAffine does it (torchvision
itself has no build for this torch). The loop never waits for a figure inside an epoch. Prints JSON: images/s of each
epoch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    settings = json.loads(options.settings.read_text())
    torch.set_num_threads(os.cpu_count() or 1)
    with np.load(options.images) as arrays:
        images = Images(arrays["images"], arrays["labels"].astype(np.int64), settings["augment"])
    loader = DataLoader(
        images,
        settings["batch_size"],
        shuffle=True,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
    )
    model = network(settings["layers"], images.images_NHWC.shape[1:])
    optimizer = torch.optim.Adam(model.parameters(), settings["learning_rate"])
    speeds = []
    for _ in range(settings["epochs"]):
        start = time.perf_counter()
        train(model, loader, optimizer)
        speeds.append(len(images) / (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "images_per_s": speeds,
                "parameters": sum(weights.numel() for weights in model.parameters()),
                "versions": [f"torch {torch.__version__}"],
            }
        )
    )


def train(model: nn.Module, loader: DataLoader[Any], optimizer: torch.optim.Optimizer) -> None:
    """One epoch."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()


class Images(Dataset[Any]):
    """One image at a time: turned, shifted, made a tensor, normalised."""

    def __init__(self, images_NHWC: Any, labels_N: Any, moves: dict[str, float]) -> None:
        self.images_NHWC, self.labels_N, self.moves = images_NHWC, labels_N, moves

    def __len__(self) -> int:
        return len(self.labels_N)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images_NHWC[row, :, :, 0])
        if self.moves:
            image = self.moved(image)
        pixels = torch.from_numpy(np.array(image, np.uint8)).unsqueeze(0).float().div(255)
        return (pixels - 0.1307) / 0.3081, int(self.labels_N[row])

    def moved(self, image: Image.Image) -> Image.Image:
        """As RandomAffine(degrees, translate) with bilinear interpolation: one pass over the image."""
        angle = math.radians(random.uniform(-1, 1) * self.moves["rotate_degrees"])
        width, height = image.size
        right = round(random.uniform(-1, 1) * self.moves["shift"] * width)
        down = round(random.uniform(-1, 1) * self.moves["shift"] * height)
        cos, sin = math.cos(angle), math.sin(angle)
        x, y = width / 2, height / 2
        back = (cos, sin, x - cos * (x + right) - sin * (y + down), -sin, cos, y + sin * (x + right) - cos * (y + down))
        return image.transform(image.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)


def network(layers: list[Any], shape_HWC: tuple[int, ...]) -> nn.Sequential:
    """The layers of the preset in PyTorch's words. One that is not in its list stops the measurement."""
    made: list[nn.Module] = []
    x = torch.zeros(2, shape_HWC[2], *shape_HWC[:2])
    for layer in layers:
        name, how = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
        for module in MODULES[name](how, x):
            x = module(x)
            made.append(module)
    return nn.Sequential(*made)


def activation(how: dict[str, Any]) -> list[nn.Module]:
    # The loss has the softmax in it.
    return [nn.ReLU()] if how["activation"] == "relu" else []


def units(how: dict[str, Any]) -> int:
    return 10 if how["units"] == "$classes" else int(how["units"])


def unpadded(how: dict[str, Any], x: Tensor) -> list[nn.Module]:
    assert how["height"] <= x.shape[2], "the images are large enough, so nothing is padded"
    return []


MODULES = {
    "pad_to": unpadded,
    "conv2d": lambda how, x: [nn.Conv2d(x.shape[1], how["filters"], how["kernel_size"]), *activation(how)],
    "max_pooling2d": lambda how, _: [nn.MaxPool2d(how["pool_size"])],
    "batch_normalization": lambda how, x: [nn.BatchNorm2d(x.shape[1], how["epsilon"], 1 - how["momentum"])],
    "flatten": lambda _, __: [nn.Flatten()],
    "dense": lambda how, x: [
        nn.Linear(x.shape[1], 10 if how["units"] == "$classes" else how["units"]),
        *activation(how),
    ],
    "dropout": lambda how, _: [nn.Dropout(how["rate"])],
}


if __name__ == "__main__":
    main()
