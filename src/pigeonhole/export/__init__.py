"""A trained model, or an ONNX file made elsewhere, in; a bundle that was verified on real images out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.export.ensemble import Part as Part
    from pigeonhole.export.ensemble import combined as combined
    from pigeonhole.export.ensemble import ensemble_bundle as ensemble_bundle
    from pigeonhole.export.foreign import import_onnx as import_onnx
    from pigeonhole.export.own import to_bundle as to_bundle

_WHERE = {
    "Part": "ensemble",
    "combined": "ensemble",
    "ensemble_bundle": "ensemble",
    "import_onnx": "foreign",
    "to_bundle": "own",
}
__all__ = ["Part", "combined", "ensemble_bundle", "import_onnx", "to_bundle"]

__getattr__ = lazy(__name__, _WHERE)
