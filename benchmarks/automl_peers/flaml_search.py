"""FLAML's AutoML on a table of pixels, scored once on the test images. Prints JSON in its last line.

    python flaml_search.py FOLDER --budget SECONDS [--retrain budget] [--without catboost]

Training and validation images are given as one table: FLAML holds out what it needs, and trains the best model on all
of it at the end. Nothing but task, metric, budget and number of threads is set; none of its estimators is a network.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

import flaml
import numpy as np
from flaml.automl.task.factory import task_factory
from tables import options, since_start, table, tell


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument(
        "--retrain",
        choices=["full", "budget"],
        default="full",
        help="on all images when the budget is over (its default), or only as far as the budget is expected to allow",
    )
    parser.add_argument("--without", nargs="*", default=[], metavar="ESTIMATOR", help="estimators that it may not fit")
    given = parser.parse_args()
    pixels_NP, labels_N = table(given.folder / "train.npz")
    search = flaml.AutoML()
    log = given.folder / f"flaml-{given.budget}.log"
    start = time.perf_counter()
    # Its documentation's way to leave some out: the list of its defaults, less these.
    defaults = task_factory("classification", pixels_NP, labels_N).default_estimator_list("auto")
    estimators = [name for name in defaults if name not in given.without]
    search.fit(
        pixels_NP.astype(np.float32),
        labels_N,
        task="classification",
        metric="accuracy",
        estimator_list=estimators if given.without else "auto",
        time_budget=given.budget,
        n_jobs=given.cores,
        seed=given.seed,
        retrain_full=True if given.retrain == "full" else "budget",
        log_file_name=str(log),
        log_type="all",
        verbose=2,
    )
    fit_s = time.perf_counter() - start
    test_NP, test_labels_N = table(given.folder / "test.npz")
    predicted_N = np.asarray(search.predict(test_NP.astype(np.float32))).astype(np.int64)
    trials = [json.loads(line) for line in log.read_text().splitlines()]
    tell(
        peer=f"FLAML {flaml.__version__}",
        settings={"retrain_full": given.retrain, "estimator_list": estimators},
        test_accuracy=float((predicted_N == test_labels_N).mean()),
        test_images=len(test_labels_N),
        validation_accuracy=1 - float(search.best_loss),
        best=str(search.best_estimator),
        best_settings=search.best_config,
        tried=Counter(trial["learner"] for trial in trials if "learner" in trial),
        fit_s=fit_s,
        seconds=since_start(),
        images=len(labels_N),
        python=sys.version.split()[0],
    )


if __name__ == "__main__":
    main()
