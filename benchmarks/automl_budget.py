"""The promise of `pigeonhole automl`, twenty times: back within its budget, with a verified bundle that evaluates.

    PIGEONHOLE_DATA=FOLDER python benchmarks/automl_budget.py [--only tiny-5 mnist-300 ...] [--table]

Sixty images, five thousand, all of MNIST and colour photographs, with budgets from 5 seconds to 5 minutes: half an hour
together. What counts is the wall time of the whole command, from process start to its end, in a fresh workspace. At
most 15 seconds or 5% of the budget over it are allowed, whichever is longer. Then the run's bundle is read with all
hashes checked, answers its own probe and the validation images, and the run is evaluated. Results are kept in
`.benchmarks/automl/budget/`, a file a run, so that a killed measurement goes on; remove files to measure anew.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from automl_data import COLOUR, FOLDER, FULL, SMALL, TINY, ingested
from automl_running import allowed_s, must, ours, watched
from measuring import Figures, kept, machine, pigeonhole
from pigeonhole import bundle, data
from pigeonhole.core.files import read_json
from pigeonhole.core.workspace import Workspace

RESULTS = FOLDER / "budget"
BUDGETS_S = {
    TINY: (5, 10, 20, 30, 60),
    SMALL: (5, 10, 20, 30, 60),
    FULL: (5, 10, 20, 60, 120, 300),
    COLOUR: (5, 15, 60, 180),
}
CASES = {f"{dataset}-{budget}": (dataset, budget) for dataset, budgets in BUDGETS_S.items() for budget in budgets}
COLUMNS = "| data | budget | seconds | over by | allowed | ended | best | score on validation | test | fits ok |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--table", action="store_true", help="measure nothing, print what there is")
    options = parser.parse_args()
    for case in options.only if not options.table else []:
        kept(RESULTS / f"{case}.json", lambda case=case: measured(case))
    return report(options.only)


def measured(case: str) -> Figures:
    """One search, what its bundle does, and its test accuracy. A kill after the search does not lead to another."""
    workspace = RESULTS / "workspaces" / case
    found = kept(RESULTS / "searches" / f"{case}.json", lambda: searched(case, workspace))
    run = found["said"]["run_id"]
    place = ["--workspace", str(workspace)]
    shown = pigeonhole("runs", "show", run, *place)
    checked = answers(Path(shown["folder"]) / "bundle", workspace, CASES[case][0])
    scored = shown["evaluation"] or pigeonhole("evaluate", run, *place)
    return {**found, **checked, "test_accuracy": scored["accuracy"]["value"]}


def searched(case: str, workspace: Path) -> Figures:
    """`pigeonhole automl` in a workspace that holds nothing but the data."""
    dataset, budget_s = CASES[case]
    print(f"{case}: searching", file=sys.stderr, flush=True)
    shutil.rmtree(workspace, ignore_errors=True)
    ingested(dataset, workspace)
    command = ours("automl", dataset, "--budget", f"{budget_s}s", "--workspace", str(workspace))
    log = workspace.with_suffix(".log")
    return must(watched(command, log), log)


def answers(folder: Path, workspace: Path, dataset: str) -> Figures:
    """What the bundle gets right of the validation images; its hashes and its probe are checked on the way."""
    loaded = bundle.load(folder, verify=True)
    loaded.check_probe()
    validation = data.open_dataset(Workspace(workspace), dataset).validation
    predicted_N = loaded.predict(validation.images_NHWC).probs_NK.argmax(1)
    right = float((predicted_N == validation.labels_N).mean())
    return {"bundle_validation_accuracy": right, "bundle_sha256": loaded.sha256}


def report(cases: list[str]) -> int:
    """Prints the table; 1 if a case is missing or late."""
    print(f"{machine('torch', 'scikit-learn')}\n{COLUMNS}\n{'|---' * (COLUMNS.count('|') - 1)}|")
    late, missing, over_s = [], [], []
    for case in cases:
        path = RESULTS / f"{case}.json"
        if not path.is_file():
            missing.append(case)
            continue
        figures, (dataset, budget_s) = read_json(path), CASES[case]
        over_s.append(figures["wall_s"] - budget_s)
        print(line(dataset, budget_s, figures))
        if over_s[-1] > allowed_s(budget_s):
            late.append(case)
    if over_s:
        print(f"\n{len(over_s)} runs, {len(late)} of them late; at most {max(over_s):+.1f} s from the budget")
    print("".join(f"late: {case}\n" for case in late) + "".join(f"not measured: {case}\n" for case in missing), end="")
    return 1 if late or missing else 0


def line(dataset: str, budget_s: int, figures: Figures) -> str:
    """One run, in Markdown."""
    said = figures["said"]
    best, counts = said["best"], said["counts"]
    over_s = figures["wall_s"] - budget_s
    times = [f"{budget_s} s", f"{figures['wall_s']:.1f}", f"{over_s:+.1f}", f"{allowed_s(budget_s):.0f}"]
    score = f"{best['score']:.2%}" if best["score"] is not None else ""
    ends = [said["status"], best["name"], score, f"{figures['test_accuracy']:.2%}"]
    return "| " + " | ".join([dataset, *times, *ends, f"{counts.get('ok', 0)} of {sum(counts.values())}"]) + " |"


if __name__ == "__main__":
    sys.exit(main())
