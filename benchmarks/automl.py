"""`pigeonhole automl` within its budget, beside FLAML and AutoGluon on the same images: the table of RECORDS.md.

    PIGEONHOLE_DATA=FOLDER python benchmarks/automl.py [--only mnist-60s ...] [--peers PYTHON] [--seeds 1] [--table]

Each search of ours is the command as a user types it, in a fresh workspace: `ingest`, `automl` (whose wall time
counts, from process start to its end), then one `evaluate` of the run it returned. Nothing is chosen by what comes
out. The peers get training and validation images as one table, and both cores, and are scored once on the same test
images. A row with folds has no test split: its score is out of fold. Results are kept in `.benchmarks/automl/`, a file
a search, so that a killed measurement goes on; remove files to measure anew. `--who` measures only ours or only the
peers.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

from automl_data import FOLDER, for_peers, ingested
from automl_rows import CROSS_VALIDATED, ROWS, Peer, Row
from automl_running import allowed_s, must, ours, watched
from measuring import Figures, kept, machine, pigeonhole
from pigeonhole.core.files import read_json

HERE = Path(__file__).parent
COLUMNS = "| data | families | budget | who | score | goal | seconds | memory | best | elsewhere |"
# A peer that is not back after so many times its budget is not waited for.
PATIENCE = 3


def main() -> int:
    keys = [row.key for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=keys, default=keys, metavar="ROW", help=", ".join(keys))
    parser.add_argument("--who", choices=["ours", "peers"], help="measure only these")
    parser.add_argument("--peers", help="a Python with the peers installed; they are left out without it")
    parser.add_argument("--seeds", type=int, default=1, help="searches of ours a row")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what there is")
    options = parser.parse_args()
    rows = [row for row in ROWS if row.key in options.only]
    for row in rows if not options.table else []:
        if options.who != "peers":
            for seed in range(options.seeds):
                kept(our_result(row, seed), lambda row=row, seed=seed: search(row, seed))
        if options.who != "ours" and options.peers:
            for peer in row.peers:
                kept(peer_result(row, peer), lambda row=row, peer=peer: beside(row, peer, options.peers))
    return report(rows, options.seeds)


def our_result(row: Row, seed: int) -> Path:
    return FOLDER / row.key / f"ours-{seed}.json"


def peer_result(row: Row, peer: Peer) -> Path:
    return FOLDER / row.key / f"{peer.key}.json"


def search(row: Row, seed: int) -> Figures:
    """One search of ours and its score. A kill between the two does not lead to a second search."""
    workspace = FOLDER / row.key / f"workspace-{seed}"
    found = kept(FOLDER / row.key / f"search-{seed}.json", lambda: searched(row, seed, workspace))
    if row.scored_on == CROSS_VALIDATED:
        metrics = pigeonhole("runs", "show", found["said"]["run_id"], "--workspace", str(workspace))["metrics"]
        score = {"score": metrics["cross_validated_accuracy"], "auc_weighted": metrics["cross_validated_auc_weighted"]}
    else:
        score = tested(found["said"]["run_id"], workspace)
    return {**found, **score}


def searched(row: Row, seed: int, workspace: Path) -> Figures:
    """`pigeonhole automl` in a workspace that holds nothing but the data."""
    print(f"{row.key}: searching for {row.budget}, seed {seed}", file=sys.stderr, flush=True)
    shutil.rmtree(workspace, ignore_errors=True)
    ingested(row.data, workspace)
    command = ours("automl", row.data, "--budget", row.budget, *row.arguments, "--seed", str(seed))
    figures = watched([*command, "--workspace", str(workspace)], workspace.with_suffix(".log"))
    return must({**figures, "command": command}, workspace.with_suffix(".log"))


def tested(run: str, workspace: Path) -> Figures:
    """The run's accuracy on the test split; a run that was scored before a kill is not scored again."""
    place = ["--workspace", str(workspace)]
    scored = pigeonhole("runs", "show", run, *place)["evaluation"] or pigeonhole("evaluate", run, *place)
    accuracy = scored["accuracy"]
    return {"score": accuracy["value"], "low": accuracy["low"], "high": accuracy["high"]}


def beside(row: Row, peer: Peer, python: str) -> Figures:
    """A peer's search on the same images, in a process of its own."""
    print(f"{row.key}: {peer.words}", file=sys.stderr, flush=True)
    path = peer_result(row, peer)
    path.parent.mkdir(parents=True, exist_ok=True)
    arguments = [str(for_peers(row.data)), "--budget", str(row.budget_s), *peer.arguments]
    command = [python, str(HERE / "automl_peers" / peer.script), *arguments]
    log = path.with_suffix(".log")
    figures = {**watched(command, log, PATIENCE * row.budget_s), "command": command}
    return figures if figures["given_up"] else must(figures, log)


def report(rows: list[Row], seeds: int) -> int:
    """Prints the table; 1 if a row is not measured, below its goal or late."""
    print(f"{machine('torch', 'scikit-learn')}\n{COLUMNS}\n{'|---' * (COLUMNS.count('|') - 1)}|")
    short = [problem for row in rows for problem in reported(row, seeds)]
    print("\n".join(["", *short]) if short else "\nevery row is complete, every goal reached and every budget kept")
    return 1 if short else 0


def reported(row: Row, seeds: int) -> list[str]:
    """Prints one row, the peers' after ours; what is missing or short comes back."""
    found = [read_json(path) for path in (our_result(row, seed) for seed in range(seeds)) if path.is_file()]
    peers = [(peer, read_json(peer_result(row, peer))) for peer in row.peers if peer_result(row, peer).is_file()]
    goal = wanted(row, [figures for _, figures in peers])
    if found:
        print(our_line(row, found, goal), flush=True)
    for peer, figures in peers:
        print(peer_line(row, peer, figures), flush=True)
    return problems(row, found, seeds, goal)


def wanted(row: Row, peers: list[Figures]) -> float | None:
    """The row's goal, or the best peer's score and the margin; None while no peer is measured."""
    scores = [figures["said"]["test_accuracy"] for figures in peers if figures["said"]]
    return row.goal if row.goal is not None else max(scores) + row.margin if scores else None


def problems(row: Row, found: list[Figures], seeds: int, goal: float | None) -> list[str]:
    """What this row lacks, a line each."""
    short = [] if len(found) == seeds else [f"{row.key}: {len(found)} of {seeds} searches"]
    late = max((figures["wall_s"] - row.budget_s for figures in found), default=0.0)
    if late > allowed_s(row.budget_s):
        short.append(f"{row.key}: {late:.1f} s over the budget, {allowed_s(row.budget_s):.0f} s are allowed")
    if found and goal is None:
        short.append(f"{row.key}: no peer is measured, and the goal is theirs")
    if found and goal is not None and mean(found, "score") < goal:
        short.append(f"{row.key}: {mean(found, 'score'):.3%} is below {goal:.2%}")
    if found and row.auc_goal is not None and mean(found, "auc_weighted") < row.auc_goal:
        short.append(f"{row.key}: AUC_weighted {mean(found, 'auc_weighted'):.6f} is below {row.auc_goal}")
    return short


def our_line(row: Row, found: list[Figures], goal: float | None) -> str:
    """Our searches of one row, in Markdown."""
    scores = [100 * figures["score"] for figures in found]
    score = f"{statistics.mean(scores):.3f}%" + (f" ± {statistics.stdev(scores):.3f}" if len(scores) > 1 else "")
    if "low" in found[0] and len(found) == 1:
        score += f" ({found[0]['low']:.2%} to {found[0]['high']:.2%})"
    if row.auc_goal is not None:
        score += f", AUC_weighted {mean(found, 'auc_weighted'):.6f}"
    target = "" if goal is None else f"≥ {goal:.2%} {row.scored_on}"
    best = "; ".join(dict.fromkeys(figures["said"]["best"]["name"] for figures in found))
    return cells(row, "pigeonhole", score, target, found, best, row.elsewhere)


def peer_line(row: Row, peer: Peer, figures: Figures) -> str:
    """One peer, in Markdown."""
    said = figures["said"]
    if not said:
        ended = f"no result in {PATIENCE} times its budget"
        return cells(row, peer.words, ended, "", [figures], "", "")
    words = peer.words.replace(said["peer"].split()[0], said["peer"], 1)
    return cells(row, words, f"{said['test_accuracy']:.2%}", "", [figures], str(said["best"]), "")


def cells(row: Row, who: str, score: str, goal: str, found: list[Figures], best: str, elsewhere: str) -> str:
    seconds = max(figures["wall_s"] for figures in found)
    memory = max(figures["peak_memory_bytes"] for figures in found) / 2**30
    line = [row.data, row.families, row.budget, who, score, goal, f"{seconds:,.1f}", f"{memory:.1f} GiB"]
    return "| " + " | ".join([*line, best, elsewhere]) + " |"


def mean(found: list[Figures], figure: str) -> float:
    return statistics.mean(figures[figure] for figures in found)


if __name__ == "__main__":
    sys.exit(main())
