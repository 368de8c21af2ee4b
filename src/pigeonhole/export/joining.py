"""Several bundles' ONNX models as one graph that takes the images once. Knows what a member is, and verifies nothing.

Axes: N images, K classes, F features of a meta learner, A classes that it has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pigeonhole.core.errors import DataError
from pigeonhole.core.optional import require
from pigeonhole.export.conversion import OPSETS, PIXELS, Piece
from pigeonhole.export.graph import constant, image_input, node, output, without_notes

_SHARED = "images"
# What export/components.py calls its matrix: by it an embedding that was learned is told from one that was not.
_COMPONENTS = "pca_matrix"


@dataclass(frozen=True)
class Head:
    """What makes the ensemble's probabilities of the members'.

    Attributes:
        nodes: in the order in which they run; the last one makes `probabilities`.
        constants: their tensors.
    """

    nodes: list[Any]
    constants: list[Any]


def read_model(onnx_model: bytes) -> Any:
    """A member's model."""
    return require("onnx", extra="train").load_from_string(onnx_model)


def has_learned_embedding(model: Any) -> bool:
    """Whether its embedding is its own, and not the principal components of its pixels."""
    return all(tensor.name != _COMPONENTS for tensor in model.graph.initializer)


def probabilities_of(member: int) -> str:
    """The name of a member's probabilities in the joined graph."""
    return f"{_prefix(member)}probabilities"


def vote_head(weights: Sequence[float]) -> Head:
    """The weighted mean, in double precision, so that what ties does so in whatever order it is added."""
    constants = [
        constant(f"vote/weight_{member}", np.array(weight, np.float64)) for member, weight in enumerate(weights)
    ]
    nodes = []
    for member in range(len(weights)):
        exact, part = f"vote/exact_{member}", f"vote/part_{member}"
        nodes.append(node("Cast", [probabilities_of(member)], [exact], to="double"))
        nodes.append(node("Mul", [exact, f"vote/weight_{member}"], [part]))
    total = "vote/part_0"
    for member in range(1, len(weights)):
        nodes.append(node("Add", [total, f"vote/part_{member}"], [f"vote/sum_{member}"]))
        total = f"vote/sum_{member}"
    return Head([*nodes, node("Cast", [total], ["probabilities"], to="float")], constants)


def stack_head(n_members: int, piece: Piece, classes_present: Sequence[int], n_classes: int) -> Head:
    """The meta learner on the members' probabilities side by side, each member's first class left out.

    Args:
        n_members: how many.
        piece: the meta learner, of `PIXELS`, which here are F = M·(K-1) probabilities.
        classes_present: the class of each of its columns; others get probability 0.
        n_classes: K.
    """
    ends = {"start": 1, "end": n_classes, "axis": 1}
    columns_AK = np.zeros((len(classes_present), n_classes), np.float32)
    columns_AK[np.arange(len(classes_present)), list(classes_present)] = 1
    constants = [constant(f"stack/{name}", np.array([value], np.int64)) for name, value in ends.items()]
    constants.append(constant("stack/columns", columns_AK))
    nodes = [
        node("Slice", [probabilities_of(k), "stack/start", "stack/end", "stack/axis"], [f"stack/features_{k}"])
        for k in range(n_members)
    ]
    nodes.append(node("Concat", [f"stack/features_{k}" for k in range(n_members)], [PIXELS], axis=1))
    last = node("MatMul", [piece.probabilities, "stack/columns"], ["probabilities"])
    return Head([*nodes, *piece.nodes, last], [*constants, *piece.constants])


def join(
    models: Sequence[Any],
    head: Head,
    *,
    shape_HWC: tuple[int, int, int],
    n_classes: int,
    embedding_of: int | None,
    embedding_size: int,
) -> Any:
    """One model of several, with the input `images` and the outputs `probabilities` and, of one member, `embedding`.

    Args:
        models: the members' models; they are used up.
        head: what combines them.
        shape_HWC: the images that all of them take.
        n_classes: K.
        embedding_of: the member whose embedding is the ensemble's; `None` leaves that output out.
        embedding_size: that embedding's length.

    Raises:
        DataError: the members need versions of ONNX' operators that do not go together.
    """
    helper = require("onnx.helper", extra="train")
    opsets = _one_opset(models)
    parts = [_prefixed(model, member) for member, model in enumerate(models)]
    nodes = [node("Identity", [_SHARED], [f"{_prefix(member)}{_SHARED}"]) for member in range(len(parts))]
    nodes += [*(step for part in parts for step in part.graph.node), *head.nodes]
    outputs = [output("probabilities", n_classes)]
    if embedding_of is not None:
        nodes.append(node("Identity", [f"{_prefix(embedding_of)}embedding"], ["embedding"]))
        outputs.append(output("embedding", embedding_size))
    kept = _needed(nodes, [value.name for value in outputs])
    read = {name for step in kept for name in _reads(step)}
    tensors = [*(tensor for part in parts for tensor in part.graph.initializer), *head.constants]
    graph = helper.make_graph(
        kept, "ensemble", [image_input(shape_HWC)], outputs, [tensor for tensor in tensors if tensor.name in read]
    )
    joined = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        ir_version=max(model.ir_version for model in models),
        functions=[function for part in parts for function in part.functions],
    )
    without_notes(joined)
    return joined


def _prefix(member: int) -> str:
    return f"member_{member}/"


def _prefixed(model: Any, member: int) -> Any:
    """The model with names that no other member has."""
    del model.graph.value_info[:]
    return require("onnx.compose", extra="train").add_prefix(model, _prefix(member), inplace=True)


def _needed(nodes: Sequence[Any], outputs: Iterable[str]) -> list[Any]:
    """The nodes that the outputs need; a member's embedding that nobody asks for goes, with its weights."""
    needed, kept = set(outputs), []
    for step in reversed(nodes):
        if needed.intersection(step.output):
            needed.update(name for name in _reads(step) if name)  # an input that is left out has no name
            kept.append(step)
    return kept[::-1]


def _reads(step: Any) -> Iterator[str]:
    """What a node reads, those of the graphs inside it too."""
    yield from step.input
    for attribute in step.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (value.name for value in graph.output)


def _one_opset(models: Sequence[Any]) -> dict[str, int]:
    """The newest version of each set of operators, in which every model means what it did.

    A model that was written for an older version is as good in the newer if its operators were only extended between.
    """
    newest = dict(OPSETS)
    for model in models:
        for entry in model.opset_import:
            domain = _domain(entry.domain)
            newest[domain] = max(entry.version, newest.get(domain, 0))
    for member, model in enumerate(models):
        changed = sorted(set(_changed(model, newest)))
        if changed:
            raise DataError(
                f"member {member + 1} of the ensemble, whose operators {', '.join(changed)} mean something else in the"
                f" version that another member needs ({newest})",
                "models exported for versions of ONNX' operators that go together",
                "export the members with the same release, or leave one of them out",
            )
    return newest


def _changed(model: Any, newest: dict[str, int]) -> Iterator[str]:
    own = {_domain(entry.domain): int(entry.version) for entry in model.opset_import}
    if all(version == newest[domain] for domain, version in own.items()):
        return
    for kind, domain in {(step.op_type, _domain(step.domain)) for step in _all_nodes(model.graph)}:
        if domain in own and own[domain] != newest[domain] and not _means_the_same(kind, domain, own, newest):
            yield kind


def _means_the_same(kind: str, domain: str, own: dict[str, int], newest: dict[str, int]) -> bool:
    """Whether a use of an operator by its older definition is one by the newer: inputs and defaults were only added.

    Most versions of an operator add a number type. What this cannot see, the verification of the joined graph does.
    """
    defs = require("onnx.defs", extra="train")
    if not defs.has(kind, domain):
        return True
    old, new = (defs.get_schema(kind, versions[domain], domain) for versions in (own, newest))
    if old.since_version == new.since_version:
        return True
    kept = all(
        name in new.attributes
        and attribute.default_value.SerializeToString() == new.attributes[name].default_value.SerializeToString()
        for name, attribute in old.attributes.items()
    )
    return kept and not new.deprecated and new.min_input <= old.min_input and old.max_input <= new.max_input


def _all_nodes(graph: Any) -> Iterator[Any]:
    for step in graph.node:
        yield step
        for attribute in step.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _all_nodes(inner)


def _domain(name: str) -> str:
    """ONNX' own operators have two names."""
    return "" if name == "ai.onnx" else name
