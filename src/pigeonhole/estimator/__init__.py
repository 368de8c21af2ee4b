"""`ImageClassifier`: every preset as a scikit-learn classifier. Knows no workspace, and writes only where told to."""

from pigeonhole.core.optional import require

require("sklearn", extra="train")

from pigeonhole.estimator.classifier import ImageClassifier  # noqa: E402 - its base classes are scikit-learn's

__all__ = ["ImageClassifier"]
