"""`train` and `evaluate`, and the noun `runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pigeonhole.cli.options import Json, Seed, Settings, WorkspaceFolder, example
from pigeonhole.cli.output import (
    interval,
    percent,
    print_facts,
    print_json,
    print_table,
    print_text,
    say,
    size,
    suggest,
)

RunRef = Annotated[str, typer.Argument(metavar="RUN", help="A run id, its unique beginning, or latest.")]
runs = typer.Typer(help="Look at runs and tidy them.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds this file's commands to the program."""
    app.command(
        epilog=example(
            "pigeonhole train digits --model cnn --find-learning-rate",
            "pigeonhole train digits --model cnn --set epochs=2",
        )
    )(train)
    app.command(epilog=example("pigeonhole evaluate latest"))(evaluate)
    runs.command("list", epilog=example("pigeonhole runs list"))(list_)
    runs.command("show", epilog=example("pigeonhole runs show latest", "pigeonhole runs show latest --command"))(show)
    runs.command("compare", epilog=example("pigeonhole runs compare latest latest~1"))(compare)
    runs.command("rm", epilog=example("pigeonhole runs rm latest"))(remove)
    app.add_typer(runs, name="runs")


def train(
    dataset: Annotated[str, typer.Argument(help="A dataset: NAME (its newest version) or NAME:VERSION.")],
    model: Annotated[str, typer.Option(help="A preset (pigeonhole presets list), or a YAML file.")] = "cnn",
    settings: Settings = None,
    seed: Seed = 0,
    resume_from: Annotated[
        str | None, typer.Option(metavar="RUN[:EPOCH]", help="Start from another run's checkpoint.")
    ] = None,
    find_learning_rate: Annotated[
        bool, typer.Option("--find-learning-rate", help="Only try rates in a short trial and suggest one; no run.")
    ] = False,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Train a model on a dataset. A run that was interrupted goes on when the same line is run again."""
    from pigeonhole.core.spec import parse_settings
    from pigeonhole.workflows.train import train as run

    values = parse_settings(settings or [])
    if find_learning_rate:
        _find_learning_rate(dataset, model, values, seed, resume_from, workspace, json=json)
        return
    trained = run(
        dataset,
        model=model,
        settings=values,
        seed=seed,
        resume_from=resume_from,
        workspace=workspace,
        view=Epochs(),
    )
    facts = trained.to_dict()
    if json:
        print_json(facts)
    else:
        print_facts(f"run {facts['run_id']}", _run_facts(facts))
    suggest(f"pigeonhole evaluate {facts['run_id']}")


def _find_learning_rate(
    dataset: str,
    model: str,
    settings: dict[str, Any],
    seed: int,
    resume_from: str | None,
    workspace: Path | None,
    *,
    json: bool,
) -> None:
    from pigeonhole.core.errors import UsageError
    from pigeonhole.workflows.learning_rate import find_learning_rate as run

    if resume_from is not None:
        raise UsageError(
            "--find-learning-rate with --resume-from", "one of the two: the trial begins anew", "leave one out"
        )
    say("trying learning rates, each higher than the one before; at most 100 steps")
    found = run(dataset, model=model, settings=settings, seed=seed, workspace=workspace).to_dict()
    if json:
        print_json(found)
    else:
        facts = {"steps": len(found["losses"]), "least loss": _rounded(min(found["smoothed"]))}
        pictures = "\n".join(found["pictures"]) or None
        print_facts(f"learning rate {found['suggestion']:g}", {**facts, "pictures": pictures})
    suggest(f"pigeonhole train {dataset} --model {model} --set {found['setting']}={found['suggestion']:g}")


class Epochs:
    """A line an epoch on stderr."""

    def on_start(self, facts: dict[str, Any]) -> None:
        """Says on what the training runs."""
        say("  ".join(f"{name} {value}" for name, value in facts.items() if value is not None))

    def on_epoch(self, record: dict[str, Any]) -> None:
        """Says how the epoch went."""
        parts = [f"epoch {record['epoch']}/{record['epochs']}"]
        parts.append(f"loss {record['train_loss']:.4f}")
        if record.get("validation_accuracy") is not None:
            parts.append(f"validation loss {record['validation_loss']:.4f}")
            parts.append(f"validation accuracy {record['validation_accuracy']:.2%}{' ★' if record.get('best') else ''}")
        if record.get("images_per_s"):
            parts.append(f"{record['images_per_s']:,.0f} images/s")
        if record.get("accumulation", 1) > 1:
            parts.append(f"memory ran out: each batch goes through in {record['accumulation']} parts")
        if record.get("seconds_left") is not None:
            parts.append(f"{record['seconds_left']:.0f}s left")
        say("  ".join(parts))


def _run_facts(facts: dict[str, Any]) -> dict[str, Any]:
    metrics = facts["metrics"]
    evaluation = facts.get("evaluation") or {}
    return {
        "status": facts["status"],
        "model": facts["model"],
        "dataset": facts["dataset"],
        "seed": facts["seed"],
        "started from": facts.get("parent"),
        "validation accuracy": percent(metrics.get("validation_accuracy")),
        "validation loss": _rounded(metrics.get("validation_loss")),
        f"{evaluation.get('split', 'test')} accuracy": interval(evaluation["accuracy"]) if evaluation else None,
        "epochs": metrics.get("epochs"),
        "seconds": _rounded(metrics.get("seconds"), 1),
        "images/s": _rounded(metrics.get("images_per_s"), 0),
        "parameters": f"{metrics['parameters']:,}" if metrics.get("parameters") else None,
        "folder": facts["folder"],
        "error": facts.get("error"),
    }


def _rounded(value: float | None, digits: int = 4) -> str | None:
    return None if value is None else f"{value:,.{digits}f}"


def evaluate(run_ref: RunRef, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Score a finished run on the locked test split: every figure, and the pictures that explain them."""
    from pigeonhole.workflows.evaluate import evaluate as run

    report = run(run_ref, workspace=workspace)
    facts = report.to_dict()
    if json:
        print_json(facts)
    else:
        _print_evaluation(facts)
    suggest(f"pigeonhole register {facts['run_id']} --as {facts['dataset'].split(':')[0]}")


def _print_evaluation(facts: dict[str, Any]) -> None:
    print_facts(
        f"run {facts['run_id']} on the {facts['split']} split of {facts['dataset']} ({facts['n']:,} images)",
        {
            "accuracy": interval(facts["accuracy"]),
            "F1, macro": f"{facts['f1']['macro']:.4f}",
            "AUC, weighted": _rounded(facts["auc_weighted"], 5),
            "log loss": f"{facts['log_loss']:.4f}",
            "calibration error": percent(facts["calibration_error"]),
            "looks at test": facts.get("test_looks"),
            "pictures": "\n".join(facts["pictures"]),
        },
    )
    print_table(
        ["class", "precision", "recall", "F1", "images"],
        [
            [row["name"], *(_rounded(row[figure]) for figure in ("precision", "recall", "f1")), row["support"]]
            for row in facts["by_class"]
        ],
        "",
    )


def list_(json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """List the runs, newest first."""
    from pigeonhole.workflows.runs import list_runs as run

    rows = [item.to_dict() for item in run(workspace=workspace)]
    if json:
        print_json(rows)
        return
    print_table(
        ["run", "model", "dataset", "status", "validation", "test", "seconds", "made"],
        [
            [
                row["run_id"],
                row["model"],
                row["dataset"],
                row["status"],
                percent(row["metrics"].get("validation_accuracy")),
                percent(row["metrics"].get("test_accuracy")),
                _rounded(row["metrics"].get("seconds"), 1),
                row["created_at"][:16].replace("T", " "),
            ]
            for row in rows
        ],
        "no runs yet; begin with: pigeonhole train DATASET --model cnn",
    )


def show(
    run_ref: RunRef,
    command: Annotated[bool, typer.Option("--command", help="Only the line that makes this run again.")] = False,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Show a run, or the line that makes it again."""
    from pigeonhole.workflows.runs import run as find

    found = find(run_ref, workspace=workspace)
    if command:
        print_json({"command": found.command()}) if json else print_text(found.command())
        return
    facts = found.to_dict()
    if json:
        print_json(facts)
    else:
        print_facts(f"run {facts['run_id']}", _run_facts(facts))


def compare(
    run_refs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Two runs or more.")],
    picture: Annotated[Path | None, typer.Option(help="A folder to draw comparison.png in.")] = None,
    json: Json = False,
    workspace: WorkspaceFolder = None,
) -> None:
    """Put runs side by side: accuracy with interval, paired p, seconds, memory, parameters, size, latency."""
    from pigeonhole.workflows.runs import compare as run

    comparison = run(run_refs, picture=picture, workspace=workspace).to_dict()
    if json:
        print_json(comparison)
    else:
        print_comparison(comparison["runs"])


def print_comparison(rows: list[dict[str, Any]]) -> None:
    """Runs side by side on stdout."""
    print_table(
        [
            "run",
            "model",
            "split",
            "accuracy",
            "95% interval",
            "p",
            "seconds",
            "memory",
            "parameters",
            "bundle",
            "ms/image",
        ],
        [
            [
                row["run_id"],
                row["model"],
                row["split"],
                percent(row["accuracy"]["value"]),
                f"{100 * row['accuracy']['low']:.2f}–{100 * row['accuracy']['high']:.2f}%",
                "" if row["p"] is None else f"{row['p']:.3g}",
                _rounded(row["seconds"], 1),
                size(row["peak_memory_bytes"]) if row["peak_memory_bytes"] else None,
                f"{row['parameters']:,}" if row["parameters"] else None,
                size(row["bundle_size_bytes"]) if row["bundle_size_bytes"] else None,
                _rounded(row["latency_ms"], 3),
            ]
            for row in rows
        ],
        "",
    )
    say("p: exact McNemar test against the first run, on the same images")


def remove(run_ref: RunRef, json: Json = False, workspace: WorkspaceFolder = None) -> None:
    """Remove a run; refused while a registered model came from it."""
    from pigeonhole.workflows.runs import remove as run

    removed = run(run_ref, workspace=workspace)
    if json:
        print_json({"removed": removed})
    else:
        print_text(f"removed {removed}")
