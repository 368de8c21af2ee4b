"""Classical estimators on flat pixels, a file for each family. Writes no files: an estimator lives on in its bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pigeonhole.models.classical.catalogue import check_estimator

if TYPE_CHECKING:
    from pigeonhole.models.classical.fit import TrainedEstimator as TrainedEstimator
    from pigeonhole.models.classical.fit import fit_estimator as fit_estimator

__all__ = ["TrainedEstimator", "check_estimator", "fit_estimator"]


def __getattr__(name: str) -> Any:
    """Loads what needs scikit-learn on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pigeonhole.models.classical import fit

    return getattr(fit, name)
