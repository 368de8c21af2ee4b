"""`cnn-3` at batch 128 beside its peers, images/s of training steps, side by side in one run.

    PIGEONHOLE_DATA=FOLDER python benchmarks/train_speed.py [--peers PYTHON] [--rounds 5] [--epochs 3]

The same 54,000 MNIST training images, layers, batch and optimizer (Adam at a constant rate) for all, once with the same
random turns (12°) and shifts (8%) and once without. Ours against the usual PyTorch loop (speed_torch.py) and Keras on
TensorFlow (speed_keras.py), each peer with its fast settings on: of its variants, measured in a first round, the
fastest stays for the rounds that count, in which ours and the peers take turns. Each is a process of its own; images/s
are the median over rounds and over epochs without each process's first epoch, which compiles and warms up. Validation,
checkpoints and imports are outside the clock. `--peers` is a Python with keras and tensorflow (`make bench` makes one).

Results are kept in `.benchmarks/train_speed/`, a file a process; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from measuring import Figures, kept, last_line, machine, pigeonhole
from pigeonhole import data, models
from pigeonhole.core.workspace import Workspace

FOLDER = Path(".benchmarks/train_speed")
HERE = Path(__file__).parent
MOVES = {"rotate_degrees": 12.0, "shift": 0.08}
BATCH, RATE = 128, 0.001
OURS = "pigeonhole, bf16"
GOALS = {("PyTorch loop, fp32", True): 2.5, ("Keras, bf16", True): 1.2, ("Keras, bf16", False): 1.15}


@dataclass(frozen=True)
class Contender:
    """One line of the table: who, with or without augmentation, and the commands of its variants.

    Attributes:
        name: as the table shows it.
        moves: whether images are turned and shifted.
        variants: what follows the settings on the command line, by the variant's name.
        script: the program, in this folder.
        python: what runs it.
    """

    name: str
    moves: bool
    variants: dict[str, list[str]]
    script: str
    python: str

    def measured(self, variant: str, round_: int, images: Path, epochs: int) -> Figures:
        """One process's figures, measured now or on an earlier day."""
        words = f"{self.name} {'moved' if self.moves else 'plain'} {variant} {epochs} epochs {round_}"
        path = FOLDER / f"{words.replace(',', '').replace(' ', '-')}.json"
        settings = written_settings(self.moves, epochs)
        command = [self.python, str(HERE / self.script), str(images), str(settings), *self.variants[variant]]
        return kept(path, lambda: last_line(command))


def contenders(peers: str) -> list[Contender]:
    """Ours and the peers', with and without augmentation."""
    compiled = {"jit": ["--jit"], "no-jit": []}
    placed = {
        f"{place}, {jit}": ["--augment-in", place, *flag]
        for place in ("data", "model")
        for jit, flag in compiled.items()
    }
    found = []
    for moves in (True, False):
        found.append(Contender(OURS, moves, {"auto": []}, "speed_ours.py", sys.executable))
        if moves:
            workers = {f"{count} workers": ["--workers", str(count)] for count in (0, 2)}
            found.append(Contender("PyTorch loop, fp32", moves, workers, "speed_torch.py", sys.executable))
        for name, precision in (("Keras, bf16", "mixed_bfloat16"), ("Keras, fp32", "float32")):
            variants = {
                key: [*flags, "--precision", precision] for key, flags in (placed if moves else compiled).items()
            }
            found.append(Contender(name, moves, variants, "speed_keras.py", peers))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="a Python with keras and tensorflow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3, help="in each process; the first is not counted")
    parser.add_argument("--images", type=int, default=54_000, help="fewer, to try the script out")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs: two or more, since the first is not counted")
    FOLDER.mkdir(parents=True, exist_ok=True)
    images = written_images(options.images)
    field = contenders(options.peers)
    fastest = {(one.name, one.moves): choose(one, images, options.epochs) for one in field}
    runs: dict[tuple[str, bool], list[Figures]] = {key: [] for key in fastest}
    for round_ in range(1, options.rounds + 1):
        for one in field:
            key = (one.name, one.moves)
            runs[key].append(one.measured(fastest[key], round_, images, options.epochs))
    assert_the_same_network(runs)
    report(runs, fastest)


def choose(one: Contender, images: Path, epochs: int) -> str:
    """The fastest of a contender's variants, by one process each."""
    if len(one.variants) == 1:
        return next(iter(one.variants))
    speeds = {variant: speed([one.measured(variant, 0, images, epochs)]) for variant in one.variants}
    said = ", ".join(f"{variant} {value:,.0f}" for variant, value in speeds.items())
    print(f"{one.name}, {'moved' if one.moves else 'plain'}, images/s of its variants: {said}", flush=True)
    return max(speeds, key=lambda variant: speeds[variant])


def speed(rows: list[Figures]) -> float:
    """Images/s: the median over processes of the median over their epochs after the first."""
    return statistics.median(statistics.median(row["images_per_s"][1:]) for row in rows)


def assert_the_same_network(runs: dict[tuple[str, bool], list[Figures]]) -> None:
    counts = {row["parameters"] for rows in runs.values() for row in rows}
    assert len(counts) == 1, f"the networks differ: {counts} parameters"


def written_images(count: int) -> Path:
    """The training images for all, as npz; in an order that the split decided."""
    path = FOLDER / f"images-{count}.npz"
    if path.is_file():
        return path
    workspace = FOLDER / "workspace"
    pigeonhole("ingest", "mnist", "--name", "mnist", "--workspace", str(workspace))
    train = data.open_dataset(Workspace(workspace), "mnist").train
    np.savez(path, images=train.images_NHWC[:count], labels=train.labels_N[:count])
    return path


def written_settings(moves: bool, epochs: int) -> Path:
    """What all are to do: the preset's own layers, so that the peers follow when they change."""
    spec = models.resolve("cnn-3").to_dict()
    settings = {
        "layers": spec["layers"],
        "epochs": epochs,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "augment": MOVES if moves else {},
    }
    path = FOLDER / f"settings-{'moved' if moves else 'plain'}-{epochs}.json"
    path.write_text(json.dumps(settings, indent=2))
    return path


def report(runs: dict[tuple[str, bool], list[Figures]], fastest: dict[tuple[str, bool], str]) -> None:
    versions = sorted({version for rows in runs.values() for row in rows for version in row["versions"]})
    print(f"\n{machine()}; {', '.join(versions)}; {next(iter(runs.values()))[0]['parameters']:,} parameters")
    print("| | augmentation | images/s, median (range) | ours is faster by | goal | variant | rounds |")
    print("|---|---|---|---|---|---|---|")
    for (name, moves), rows in runs.items():
        single = [speed([row]) for row in rows]
        ratio = "" if name == OURS else f"{speed(runs[OURS, moves]) / speed(rows):.2f}×"
        goal = f"≥ {GOALS[name, moves]}×" if (name, moves) in GOALS else ""
        print(
            f"| {name} | {'turn, shift' if moves else 'none'}"
            f" | {speed(rows):,.0f} ({min(single):,.0f}–{max(single):,.0f})"
            f" | {ratio} | {goal} | {fastest[name, moves]} | {len(rows)} |"
        )


if __name__ == "__main__":
    main()
