"""From a spec to its cost: the room of its kind, and what every process of that kind pays besides."""

from __future__ import annotations

import math

from pigeonhole.core.errors import SpecError
from pigeonhole.models.costs import networks
from pigeonhole.models.costs.cost import MIB, Cost, Size
from pigeonhole.models.costs.estimators import FAMILIES
from pigeonhole.models.costs.preparing import prepare
from pigeonhole.models.settings import Training
from pigeonhole.models.spec import ModelSpec

ESTIMATED = frozenset(FAMILIES)
# Measured: what the first fit of a worker imports, and what is resident then.
SCIKIT_LEARN_FIRST_S, SCIKIT_LEARN_BYTES = 1.4, 205 * MIB
TORCH_FIRST_S, TORCH_BYTES = 1.4, 290 * MIB
# What a first export takes besides: imports, files, a look at its latency.
ESTIMATOR_EXPORT_S, NETWORK_EXPORT_S = 0.3, 3.5
ESTIMATOR_EXPORT_BYTES, NETWORK_EXPORT_BYTES = 100 * MIB, 240 * MIB
VERIFIED = 1000
# Seconds a multiply-add of the principal components that an estimator's bundle gets for want of an embedding.
COMPONENTS_S = 4e-10
LEAST_S = 2e-4


def estimate(spec: ModelSpec, *, images: int, shape_HWC: tuple[int, int, int], classes: int, predicted: int) -> Cost:
    """What it takes to fit `spec` to so many images, validated on and then predicting `predicted` others.

    Args:
        spec: from `resolve`.
        images: training images.
        shape_HWC: of each.
        classes: K.
        predicted: images of the validation split, or of the fold.

    Raises:
        SpecError: an estimator whose cost nobody has written down, or layers that do not fit the images.
    """
    if spec.kind == "network":
        return _network(spec, images, shape_HWC, classes, predicted)
    return _estimator(spec, images, shape_HWC, classes, predicted)


def _estimator(spec: ModelSpec, images: int, shape_HWC: tuple[int, int, int], classes: int, predicted: int) -> Cost:
    settings, pixels, hard = spec.estimator or {}, math.prod(shape_HWC), shape_HWC[2] > 1
    family = FAMILIES.get(str(settings.get("name")))
    if family is None:
        raise SpecError(
            f"an estimator {settings.get('name')!r}, whose cost is not known",
            f"one of {', '.join(FAMILIES)}",
            "add its formula to models/costs/estimators.py, with constants from benchmarks/costs.py",
        )
    ready = prepare(settings, Size(images, pixels, classes, hard, hard))
    work = family(settings, ready.size)
    image_s = ready.image_s + work.image_s
    # The pixels stay beside what a scaler makes of them.
    features_bytes = images * ready.size.features * 4 if ready.held_bytes else 0
    held_bytes = images * pixels * 4 + max(ready.held_bytes, features_bytes + work.held_bytes)
    verified_s = VERIFIED * (2 * image_s + pixels * min(VERIFIED, pixels) * COMPONENTS_S)
    exporting_bytes = ESTIMATOR_EXPORT_BYTES + VERIFIED * pixels * 48 + work.numbers * work.converting.number_bytes
    return Cost(
        LEAST_S + ready.fit_s + work.fit_s + (images + predicted) * image_s,
        LEAST_S + predicted * image_s,
        int(SCIKIT_LEARN_BYTES + (images + predicted) * pixels + max(held_bytes, exporting_bytes)),
        ESTIMATOR_EXPORT_S + verified_s + work.numbers * work.converting.number_s,
        SCIKIT_LEARN_FIRST_S,
    )


def _network(spec: ModelSpec, images: int, shape_HWC: tuple[int, int, int], classes: int, predicted: int) -> Cost:
    training, pixels = spec.training or Training(), math.prod(shape_HWC)
    load = networks.load_of(spec, shape_HWC, classes)
    verified_s = networks.predict_s(training, load, pixels, VERIFIED)
    held_bytes = networks.held_bytes(training, load, pixels)
    return Cost(
        LEAST_S + networks.fit_s(training, load, pixels, images, predicted),
        LEAST_S + networks.predict_s(training, load, pixels, predicted),
        int(TORCH_BYTES + (images + predicted) * pixels + max(held_bytes, NETWORK_EXPORT_BYTES)),
        NETWORK_EXPORT_S + 4 * verified_s,
        TORCH_FIRST_S,
    )
