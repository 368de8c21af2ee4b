"""Several verified bundles → one bundle that votes or stacks. Trains nothing; leaves nothing behind when it refuses.

Axes: N images, H height, W width, C channels, K classes, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pigeonhole import bundle
from pigeonhole.bundle.bundle import Images
from pigeonhole.core.errors import DataError, listing
from pigeonhole.core.optional import require
from pigeonhole.export import joining
from pigeonhole.export.components import PrincipalComponents
from pigeonhole.export.conversion import by_lightgbm, by_scikit_learn
from pigeonhole.export.own import PROBE_IMAGES
from pigeonhole.export.performance import latency
from pigeonhole.export.verification import open_model, verify
from pigeonhole.models.trained import Floats, Labels

# Members answer within rounding of what they answer alone: where the two best classes are nearer than this, which of
# them is named is rounding too.
TIE = 1e-5
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Part:
    """A member of an ensemble.

    Attributes:
        run_id: the run that it came from.
        bundle: its bundle.
        weight: its share of a vote. Of a stack, how much it counted in the choice of the members.
    """

    run_id: str
    bundle: bundle.Bundle
    weight: float


class Combiner(Protocol):
    """A fitted meta learner.

    Attributes:
        estimator: takes the members' probabilities (N, M·(K-1)), each member's first class left out.
        classes_present: the class of each of its columns.
    """

    @property
    def estimator(self) -> Any: ...  # noqa: D102
    @property
    def classes_present(self) -> tuple[int, ...]: ...  # noqa: D102

    def probabilities(self, members: Sequence[Floats]) -> Floats:
        """Probabilities (N, K), of the members' (N, K)."""


def vote(members: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted mean of probabilities, exactly as the joined graph makes it."""
    total_NK = members[0].astype(np.float64) * weights[0]
    for probs_NK, weight in zip(members[1:], weights[1:], strict=True):
        total_NK = total_NK + probs_NK.astype(np.float64) * weight
    return total_NK.astype(np.float32)


def combined(members: Sequence[Floats], weights: Sequence[float], meta: Combiner | None) -> Floats:
    """The ensemble's probabilities (N, K): the meta learner's where there is one, else the vote's."""
    return vote(members, weights) if meta is None else meta.probabilities(members)


def ensemble_bundle(
    parts: Sequence[Part],
    *,
    folder: Path,
    images_NHWC: Images,
    labels_N: Labels,
    expected_probs_NK: Floats,
    calibration: Mapping[str, Any],
    lineage: Mapping[str, Any],
    meta: Combiner | None = None,
) -> bundle.Bundle:
    """The bundle of an ensemble, in `folder`: its members' graphs joined into one.

    Its embedding is that of the heaviest member that learned one, else principal components as of any model.

    Args:
        parts: the members.
        folder: where the bundle is to stand.
        images_NHWC: training and validation images to verify on.
        labels_N: their classes.
        expected_probs_NK: what the members' own bundles say of them, `combined`.
        calibration: `{"temperature": t}`.
        lineage: JSON; the members, what was verified and what was measured are added to it.
        meta: a stack's meta learner; `None` votes.

    Raises:
        GateError: the joined graph gives another class than the members together, or a probability off by over 1e-4.
        DataError: the members do not fit each other, or a vote's weights do not sum to 1.
        MissingDependencyError: an export package is not installed.
        ConflictError: `folder` holds something else.
    """
    _check(parts, meta)
    model, embedding_size = _joined(parts, meta, images_NHWC)
    onnx_model = model.SerializeToString()
    decided_N = decided(expected_probs_NK)
    probs_NK, verification = verify(open_model(onnx_model), images_NHWC, expected_probs_NK, decided_N)
    first = parts[0].bundle
    return bundle.write(
        folder,
        onnx_model=onnx_model,
        class_names=first.class_names,
        shape_HWC=first.shape_HWC,
        embedding_size=embedding_size,
        calibration=calibration,
        reference=bundle.describe_normal(images_NHWC, labels_N, probs_NK),
        probe_images_NHWC=images_NHWC[decided_N][:PROBE_IMAGES],
        probe_probs_NK=expected_probs_NK[decided_N][:PROBE_IMAGES],
        lineage={
            **lineage,
            "members": [
                {"run": part.run_id, "bundle_sha256": part.bundle.sha256, "weight": part.weight} for part in parts
            ],
            "verification": verification,
            "performance": latency(onnx_model, images_NHWC),
        },
    )


def decided(probs_NK: Floats) -> npt.NDArray[np.bool_]:
    """The images on which two classes do not tie within rounding; all of them, if they do on each."""
    second_N, best_N = np.partition(probs_NK, -2, axis=1)[:, -2:].T
    decided_N = best_N - second_N > TIE
    return decided_N if decided_N.any() else np.ones(len(probs_NK), bool)


def _joined(parts: Sequence[Part], meta: Combiner | None, images_NHWC: Images) -> tuple[Any, int]:
    """The model, and D."""
    require("onnx", extra="train")
    models = [joining.read_model((part.bundle.folder / "model.onnx").read_bytes()) for part in parts]
    learned = [k for k, model in enumerate(models) if joining.has_learned_embedding(model)]
    heaviest = max(learned, key=lambda k: parts[k].weight, default=None)
    first = parts[0].bundle
    model = joining.join(
        models,
        _head(parts, meta),
        shape_HWC=first.shape_HWC,
        n_classes=len(first.class_names),
        embedding_of=heaviest,
        embedding_size=0 if heaviest is None else parts[heaviest].bundle.embedding_size,
    )
    if heaviest is not None:
        return model, parts[heaviest].bundle.embedding_size
    components = PrincipalComponents.of(images_NHWC)
    return components.add_to(model), components.size


def _head(parts: Sequence[Part], meta: Combiner | None) -> joining.Head:
    if meta is None:
        return joining.vote_head([part.weight for part in parts])
    n_classes = len(parts[0].bundle.class_names)
    convert = by_lightgbm if type(meta.estimator).__module__.startswith("lightgbm") else by_scikit_learn
    piece = convert(meta.estimator, len(parts) * (n_classes - 1))
    return joining.stack_head(len(parts), piece, meta.classes_present, n_classes)


def _check(parts: Sequence[Part], meta: Combiner | None) -> None:
    problems = [] if parts else ["no member"]
    problems += [
        f"run {part.run_id}: images of {part.bundle.shape_HWC}, classes {', '.join(part.bundle.class_names)}; run"
        f" {parts[0].run_id}: {parts[0].bundle.shape_HWC}, {', '.join(parts[0].bundle.class_names)}"
        for part in parts[1:]
        if (part.bundle.shape_HWC, part.bundle.class_names) != (parts[0].bundle.shape_HWC, parts[0].bundle.class_names)
    ]
    total = sum(part.weight for part in parts)
    if meta is None and parts and (min(part.weight for part in parts) < 0 or not abs(total - 1) <= _SUM_TOLERANCE):
        problems.append(f"weights {[part.weight for part in parts]} that sum to {total:g}")
    if problems:
        raise DataError(
            f"bundles that make no ensemble:\n{listing(problems)}",
            "members with the same image shape and class names in the same order; weights of 0 or more that sum to 1",
            "choose members of one dataset",
        )
