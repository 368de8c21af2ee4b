"""AutoGluon-Tabular on a table of pixels, scored once on the test images. Prints JSON in its last line.

    python autogluon_search.py FOLDER --budget SECONDS [--preset best_quality] [--without NN_TORCH FASTAI CAT XGB]

Training and validation images are given as one table: it holds out what it needs, or bags. Nothing but metric,
budget, preset and number of threads is set.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import autogluon.tabular
import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor
from tables import options, since_start, table, tell


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--preset", default="medium_quality", help="its presets; medium_quality is its default")
    parser.add_argument("--without", nargs="*", default=[], metavar="FAMILY", help="families that it may not fit")
    given = parser.parse_args()
    train = frame(given.folder / "train.npz")
    models = given.folder / f"autogluon-{given.budget}"
    shutil.rmtree(models, ignore_errors=True)
    predictor = TabularPredictor(label="label", eval_metric="accuracy", path=str(models), verbosity=2)
    start = time.perf_counter()
    predictor.fit(
        train,
        presets=given.preset,
        time_limit=given.budget,
        num_cpus=given.cores,
        num_gpus=0,
        excluded_model_types=given.without or None,
    )
    fit_s = time.perf_counter() - start
    test = frame(given.folder / "test.npz")
    predicted_N = np.asarray(predictor.predict(test.drop(columns="label")))
    board = predictor.leaderboard(silent=True)
    tell(
        peer=f"AutoGluon-Tabular {autogluon.tabular.__version__}",
        settings={"presets": given.preset, "excluded_model_types": given.without},
        test_accuracy=float((predicted_N == test["label"].to_numpy()).mean()),
        test_images=len(test),
        validation_accuracy=float(board["score_val"].max()),
        best=predictor.model_best,
        tried={
            str(row.model): [round(float(row.score_val), 5), round(float(row.fit_time), 1)]
            for row in board.itertuples()
        },
        fit_s=fit_s,
        seconds=since_start(),
        images=len(train),
        python=sys.version.split()[0],
    )


def frame(path: Path) -> pd.DataFrame:
    """Columns `p0` … and `label`."""
    pixels_NP, labels_N = table(path)
    columns = pd.DataFrame(pixels_NP, columns=[f"p{number}" for number in range(pixels_NP.shape[1])])
    return columns.assign(label=labels_N)


if __name__ == "__main__":
    main()
