"""Repeats the measurements of RECORDS.md, one after the other; what is finished is not measured again.

    PIGEONHOLE_DATA=FOLDER python benchmarks/run.py --peers PYTHON --serving-peers PYTHON --automl-peers PYTHON

They are Pythons with what training, serving and AutoML are measured beside (`make bench` makes them); serving also
wants wrk, a package of Debian. What each measurement prints goes to `.benchmarks/NAME.txt`; remove a file to measure
again. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = Path(".benchmarks")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="a Python with the peers installed")
    parser.add_argument("--serving-peers", default=sys.executable, help="a Python with the servers installed")
    parser.add_argument("--automl-peers", default=sys.executable, help="a Python with FLAML and AutoGluon")
    options = parser.parse_args()
    if not os.environ.get("PIGEONHOLE_DATA"):
        print("PIGEONHOLE_DATA names no folder; the measurements need the full MNIST below it", file=sys.stderr)
        return 3
    RESULTS.mkdir(exist_ok=True)
    measurements = {
        "ingest": ["ingest.py"],
        "train-cnn": ["train_cnn.py", "--peers", options.peers],
        "train-speed": ["train_speed.py", "--peers", options.peers],
        "fast": ["fast.py", "--peers", options.peers],
        "million": ["million.py"],
        "batch": ["batch.py"],
        "serve": ["serve.py", "--peers", options.serving_peers],
        "prediction-log": ["prediction_log.py"],
        "presets": ["presets.py"],
        "choose-logistic": ["choose_logistic.py"],
        "choose-classical": ["choose_classical.py"],
        "choose-cnn": ["choose_cnn.py"],
        "choose-cnn-tiny": ["choose_cnn_tiny.py"],
        "choose-cnn-best": ["choose_cnn_best.py", "--seeds", "1"],
        "ensembles": ["ensembles.py"],
        "automl": ["automl.py", "--peers", options.automl_peers],
        "automl-budget": ["automl_budget.py"],
        "costs": ["costs.py"],
    }
    failed = [name for name, command in measurements.items() if not measured(name, command)]
    return 1 if failed else 0


def measured(name: str, command: list[str]) -> bool:
    """Runs one measurement, unless its result is there; False if it failed."""
    result = RESULTS / f"{name}.txt"
    if not result.is_file():
        print(f"{name}: measuring", flush=True)
        script, *arguments = command
        done = subprocess.run([sys.executable, str(HERE / script), *arguments], stdout=subprocess.PIPE, check=False)
        if done.returncode:
            print(f"{done.stdout.decode()}\n{name}: failed with {done.returncode}", file=sys.stderr)
            return False
        result.write_bytes(done.stdout)
    print(f"{name}:\n{result.read_text()}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
