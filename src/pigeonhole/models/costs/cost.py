"""The terms that costs are told in. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What fitting a spec takes, in seconds of one thread of the reference core and bytes; never 0.

    The reference core is a server's, of some 2.6 GHz, with AVX-512 and bf16; benchmarks/RECORDS.md says how far off the
    estimates were there. Whoever has fitted something on another machine knows by how much to multiply them.

    Attributes:
        fit_s: all of `models.fit` with as many validation images as are predicted: an estimator also scores its
            training images, and a network validates after each epoch.
        predict_s: the probabilities of the predicted images, once.
        memory_bytes: the most that is resident, be it while fitting or exporting, an idle worker with its imports
            included.
        export_s: making and verifying its bundle, imports included, which only the first export of a worker pays.
        first_use_s: what the first fit of a worker costs besides, for imports.
    """

    fit_s: float
    predict_s: float
    memory_bytes: int
    export_s: float
    first_use_s: float = 0.0


@dataclass(frozen=True)
class Size:
    """What an estimator is fitted on.

    Attributes:
        images: N.
        features: numbers an image: its pixels, or the principal components in their place.
        classes: K.
        hard: whether solvers go round for long and most images become support vectors. The one guess at what no shape
            tells: images of three channels are taken for photographs, whose classes are hard to tell apart.
        distinct: whether a feature's values mostly differ, as in photographs and of components; in drawings most are
            of the background, and what sorts or splits has less to do.
    """

    images: float
    features: float
    classes: int
    hard: bool = False
    distinct: bool = False


@dataclass(frozen=True)
class Converting:
    """What a fitted number costs on its way into a bundle."""

    number_s: float
    number_bytes: float


ARRAYS, TREES, BOOSTED = Converting(1e-9, 16), Converting(2e-6, 400), Converting(2e-5, 1400)


@dataclass(frozen=True)
class Work:
    """What one estimator costs, by itself.

    Attributes:
        fit_s: seconds of its `fit`.
        image_s: seconds to predict an image.
        held_bytes: memory while it is fitted, besides a copy of the pixels in fp32.
        numbers: in the fitted model, which its bundle holds.
        converting: what each of them takes to get there.
    """

    fit_s: float
    image_s: float
    held_bytes: float
    numbers: float
    converting: Converting = ARRAYS


Settings = Mapping[str, Any]
