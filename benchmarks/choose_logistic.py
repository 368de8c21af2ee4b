"""How `logistic-regression`'s penalty was chosen, on validation images of writers not trained on.

    PIGEONHOLE_DATA=FOLDER python benchmarks/choose_logistic.py

The test split is never opened.
"""

from __future__ import annotations

from pathlib import Path

from pigeonhole import models
from validation_images import training_data

FOLDER = Path(".benchmarks/choose_logistic")
PENALTIES = (0.01, 0.03, 0.1, 0.3)


def main() -> None:
    data = training_data(FOLDER)
    print(f"{'C':>6} {'validation accuracy':>20} {'log loss':>9} {'converged':>10} {'seconds':>8}")
    for penalty in PENALTIES:
        spec = models.resolve("logistic-regression", {"C": penalty})
        trained = models.fit(spec, data, seed=0, folder=FOLDER)
        record, facts = trained.history[0], trained.facts
        accuracy, loss = record["validation_accuracy"], record["validation_loss"]
        print(f"{penalty:>6} {accuracy:>20.4f} {loss:>9.4f} {facts['converged']!s:>10} {facts['seconds']:>8.1f}")


if __name__ == "__main__":
    main()
