"""The rows of the presets' table: split, goal, and the figure elsewhere. Data only; presets.py measures them."""

from __future__ import annotations

from dataclasses import dataclass

PART = "mnist-42k"
WHOLE = "mnist"
ALL = "mnist-60k"


@dataclass(frozen=True)
class Row:
    """One preset on one split.

    Attributes:
        key: the preset.
        dataset: `mnist-42k` is the first 42,000 MNIST training images with 10% of them for validation and none for
            test. `mnist` has 54,000 for training, 6,000 for validation and its own test images. `mnist-60k` has all
            60,000 for training, none for validation, and the same test images.
        scored_on: which split the goal is about; only rows on `test` are evaluated, each seed once.
        goal: the least mean accuracy; `None` where it is only reported.
        elsewhere: what others report, in words.
        deterministic: one seed says it all.
    """

    key: str
    dataset: str
    scored_on: str
    goal: float | None
    elsewhere: str = ""
    deterministic: bool = False

    @property
    def name(self) -> str:
        """Key and dataset: `cnn-3-mnist-42k`."""
        return f"{self.key}-{self.dataset}"


ROWS = (
    Row("logistic-regression", PART, "validation", 0.9131, "91.31%", deterministic=True),
    Row("svm-rbf", PART, "validation", 0.984, "97.60%", deterministic=True),
    Row("xgboost", PART, "validation", 0.975, "97.50%", deterministic=True),
    Row("lightgbm", PART, "validation", None, deterministic=True),
    Row("random-forest", PART, "validation", None),
    Row("extra-trees", PART, "validation", None),
    Row("knn", PART, "validation", None, deterministic=True),
    Row("mlp-128", WHOLE, "test", 0.9711, "97.11%"),
    Row("mlp-256-128", WHOLE, "test", None),
    Row("cnn-1", PART, "validation", 0.975, "97.5%"),
    Row("cnn-2", PART, "validation", 0.985, "98.5%"),
    Row("cnn-3", PART, "validation", 0.992, "99.2%"),
    Row("cnn-hidden", WHOLE, "test", 0.99, "77.8%, where a tutorial's sweep ended"),
    Row("cnn-deep", WHOLE, "test", 0.9957, "99.57%"),
    Row("cnn-tiny", WHOLE, "test", 0.994, "99.53%, the best of many"),
    Row("cnn-fast", WHOLE, "test", 0.99, "99.2% by one thread in 9.3 s; the aim is 99.2%"),
    Row("cnn", WHOLE, "test", 0.994),
    Row("logistic-regression", WHOLE, "test", 0.92, deterministic=True),
    Row("cnn-best", ALL, "test", 0.9975, "99.65 ± 0.045% (n = 1500); the aim is 99.80%"),
)
