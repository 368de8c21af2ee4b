"""Keeps the README true: runs its tours, writes their output and pictures into it, or checks that they still fit.

    python docs/readme.py           run the tours, rewrite README.md and docs/pictures/
    python docs/readme.py --check   run the tours, exit 1 where README.md says something else

A tour is what stands between `<!-- tour: NAME -->` and `<!-- end of tour -->`. In a `console` block each line that
begins with `$ ` is run by a shell, and what follows it is its output, as a terminal shows it. A `python` block is run
by Python, and the `text` block after it is its output. Each tour begins in an empty folder. Figures differ between
machines, so the check compares the text with its numbers masked, and of the pictures their shape.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURES = ROOT / "docs" / "pictures"
TOUR = re.compile(r"<!-- tour: (?P<name>\S+) -->\n(?P<body>.*?)<!-- end of tour -->", re.DOTALL)
BLOCK = re.compile(r"```(?P<kind>console|python|text)\n(?P<text>.*?)```", re.DOTALL)
# What the tours leave behind, and the name under which the README shows it.
SHOWN = {
    "curves.png": ".pigeonhole/runs/cnn-*/plots/training.png",
    "mistakes.png": ".pigeonhole/runs/cnn-*/evaluation/predictions.png",
    "confusion.png": ".pigeonhole/runs/cnn-*/evaluation/confusion-errors.png",
}


def main() -> int:
    old = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        new = TOUR.sub(lambda tour: run_tour(tour, Path(folder), pictures), old)
        if "--check" in sys.argv[1:]:
            return check(old, new, pictures)
        README.write_text(new, encoding="utf-8")
        PICTURES.mkdir(exist_ok=True)
        for picture in pictures.iterdir():
            shutil.copy(picture, PICTURES / picture.name)
    return 0


def run_tour(tour: re.Match[str], folder: Path, pictures: Path) -> str:
    place = folder / tour["name"]
    place.mkdir()
    kinds = {"console": run_console, "python": run_python}
    outputs: list[str] = []

    def fill(block: re.Match[str]) -> str:
        if block["kind"] == "text":
            return f"```text\n{outputs.pop()}```"
        text, output = kinds[block["kind"]](block["text"], place)
        outputs.append(output)
        return f"```{block['kind']}\n{text}```"

    body = BLOCK.sub(fill, tour["body"])
    for name, pattern in SHOWN.items():
        for found in sorted(place.glob(pattern)):
            shutil.copy(found, pictures / name)
    return f"<!-- tour: {tour['name']} -->\n{body}<!-- end of tour -->"


def run_console(text: str, place: Path) -> tuple[str, str]:
    return "".join(f"$ {command}\n{shell(command, place)}" for command in commands(text)), ""


def commands(text: str) -> Iterator[str]:
    """The commands of a console block; one that ends with a backslash goes on in the next line."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            while command.endswith("\\"):
                command += "\n" + next(lines)
            yield command


def run_python(text: str, place: Path) -> tuple[str, str]:
    script = place / "tour.py"
    script.write_text(text, encoding="utf-8")
    return text, shell(f"{sys.executable} {script.name}", place)


def shell(command: str, place: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIGEONHOLE_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    output = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    if done.returncode:
        raise SystemExit(f"README: {command!r} ended with {done.returncode}:\n{output}")
    output = output.replace(f"{place.resolve()}/", "")
    return f"{output}\n" if output else ""


def check(old: str, new: str, pictures: Path) -> int:
    before, after = masked(old), masked(new)
    for line in difflib.unified_diff(before, after, "README.md", "as it runs now", lineterm="", n=1):
        print(line)
    stale = before != after
    for picture in sorted(pictures.iterdir()):
        kept = PICTURES / picture.name
        if not kept.is_file() or not alike(shape(kept), shape(picture)):
            print(f"docs/pictures/{picture.name} is stale")
            stale = True
    if stale:
        print("README.md is stale; run: make readme")
    return int(stale)


def masked(text: str) -> list[str]:
    """The text with everything that may differ between machines or runs replaced by `#`."""
    text = re.sub(r"\b[0-9a-f]{6,64}\b", "#", text)
    text = re.sub(r"\d[\d,.:–-]*(?:e-?\d+)?", "#", text)
    text = re.sub(r"dtype \w+", "dtype #", text)
    text = re.sub(r" ★", "", text)
    text = re.sub(r"[─━]+", "─", text)
    return [re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines()]


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Within a tenth: the width of an axis label decides some pixels, and figures differ between machines."""
    return all(abs(a - b) <= 0.1 * b for a, b in zip(one, other, strict=True))


def shape(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


if __name__ == "__main__":
    sys.exit(main())
