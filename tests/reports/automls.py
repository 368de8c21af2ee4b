"""Outcomes of AutoML searches to draw. The numbers are of no search: they only have the shape of one."""

from __future__ import annotations

import math
from typing import Any

HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(1)</script>'


def row(
    candidate: str, name: str | None = None, state: str = "ok", score: float | None = 0.97, **others: Any
) -> dict[str, Any]:
    spread = None if score is None else 1.96 * math.sqrt(max(score * (1 - score), 1e-6) / 6000)
    made = {
        "candidate": candidate,
        "name": name or candidate,
        "state": state,
        "score": score,
        "low": None if score is None or spread is None else score - spread,
        "high": None if score is None or spread is None else min(1.0, score + spread),
        "images": None if score is None else 54_000,
        "seconds": 12.3 if score is not None else 0.0,
        "latency_ms": None,
        "size_bytes": None,
        "run_id": None,
        "reason": None,
    }
    return {**made, **others}


def outcome(rows: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for one in rows:
        counts[one["state"]] = counts.get(one["state"], 0) + 1
    made = {
        "search": "digits-0a1b2c3d",
        "status": "Completed",
        "dataset": "digits:1",
        "primary_metric": "accuracy",
        "best": rows[0],
        "leaderboard": rows,
        "counts": counts,
        "seconds": 291.4,
        "budget_s": 300.0,
        "ensembles": {},
        "guardrails": [],
        "notes": [],
        "history": [],
        "folder": "/home/me/.pigeonhole/automl/digits-0a1b2c3d",
        "report": None,
    }
    return {**made, **others}


def usual() -> dict[str, Any]:
    """All states, both ensembles, guardrails, settings and notes."""
    rows = [
        row("voting-ensemble", "VotingEnsemble", score=0.9962, latency_ms=1.9, size_bytes=9_100_000, run_id="vote-7"),
        row("cnn-best", score=0.9955, latency_ms=0.41, size_bytes=4_300_000, run_id="cnn-best-3"),
        row("svm-rbf@pca", "PCA, SVM", score=0.9850, latency_ms=1.3, size_bytes=2_500_000, run_id="svm-2"),
        row("extra-trees@none", "ExtraTrees", score=0.9715, latency_ms=0.9, size_bytes=80_000_000, run_id="trees-1"),
        row("sgd@min-max", "MinMaxScaler, SGD", score=0.914, latency_ms=0.02, size_bytes=31_000, run_id="sgd-1"),
        row("naive-bayes@none", "NaiveBayes", "stopped", 0.83, images=5_000, reason="not among the promising third"),
        row("knn@none", "KNN", "not-applicable", None, reason="needs about 30 GB, 20 GB are there"),
        row(
            "lightgbm@none",
            "LightGBM",
            "failed",
            None,
            reason="Traceback (most recent call last):\n  boom\nMemoryError",
        ),
        row("stack-ensemble", "StackEnsemble", "not-applicable", None, reason="no time was left to fit members twice"),
    ]
    members = [
        {"candidate": "cnn-best", "name": "cnn-best", "run_id": "cnn-best-3", "weight": 0.75, "score": 0.9955},
        {"candidate": "svm-rbf@pca", "name": "PCA, SVM", "run_id": "svm-2", "weight": 0.25, "score": 0.9850},
    ]
    stacked = [{key: value for key, value in member.items() if key != "weight"} for member in members]
    ensembles = {
        "voting-ensemble": {"members": members, "score": 0.9962, "best_individual_score": 0.9955},
        "stack-ensemble": {"members": stacked, "score": None, "best_individual_score": 0.9955},
    }
    guardrails = [
        {
            "type": "_class_balancing",
            "result": "alerted",
            "parameters": [],
            "friendly_type": "Class balancing detection",
            "friendly_result": "The classes are not balanced: cat has 12 training images, the largest class 600.",
            "friendly_learn_more": "Add images of the smallest class.",
        },
        {
            "type": "_missing_value",
            "result": "passed",
            "parameters": [],
            "friendly_type": "Missing feature values imputation",
            "friendly_result": "Images have no missing values.",
        },
    ]
    times = [(2.1, "sgd@min-max", 0.88), (4, "naive-bayes@none", 0.83), (9, "extra-trees@none", 0.951)]
    times += [(25, "svm-rbf@pca", 0.968), (60, "cnn-best", 0.988), (110, "svm-rbf@pca", 0.985)]
    times += [(150, "extra-trees@none", 0.9715), (240, "cnn-best", 0.9955), (284, "voting-ensemble", 0.9962)]
    return outcome(
        rows,
        ensembles=ensembles,
        guardrails=guardrails,
        history=[{"at_s": at, "candidate": candidate, "score": score} for at, candidate, score in times],
        settings={"timeout": "5m", "blocked_training_algorithms": ["xgboost"], "exit_score": None},
        notes=["xgboost: blocked by the settings", "max_cores_per_trial is ignored: a trial has one core"],
    )


def few() -> dict[str, Any]:
    """Three rows, nothing else."""
    rows = [
        row("logistic-regression", "LogisticRegression", score=0.9),
        row("a", score=None, state="running"),
        row("b", score=None, state="failed", reason="killed for memory"),
    ]
    return outcome(rows, status="TimedOut", primary_metric="AUC_weighted", seconds=5.2, budget_s=5.0)


def many() -> dict[str, Any]:
    """Sixty candidates."""
    names = ("SVM", "KNN", "LightGBM", "XGBoost", "RandomForest", "MLP")
    rows = [
        row(
            f"c{index}@pca",
            f"StandardScaler, {names[index % 6]}",
            score=0.9971 - 0.0005 * index**1.3,
            latency_ms=0.05 * 1.13 ** ((index * 37) % 60) if index % 2 == 0 else None,
            size_bytes=(1 + index * 7 % 50) * 100_000,
            run_id=f"run-{index}",
            state="stopped" if index % 5 == 4 else "ok",
            reason="not among the promising third at 5,000 images" if index % 5 == 4 else None,
        )
        for index in range(60)
    ]
    history = [
        {
            "at_s": 2 + 1.1 * step * 4,
            "candidate": f"c{59 - step}@pca",
            "score": rows[59 - step]["score"] - (0.02 if step % 3 else 0),
        }
        for step in range(60)
    ]
    return outcome(rows, history=history)


def hostile() -> dict[str, Any]:
    """Text of the users that would be HTML, and values that are no numbers."""
    rows = [
        row(HOSTILE, HOSTILE, score=1.0, latency_ms=0.3, run_id=HOSTILE, reason=HOSTILE),
        row("nan", score=float("nan"), latency_ms=0.0),
        row("near", score=0.999999, latency_ms=0.5),
    ]
    member = {"candidate": HOSTILE, "name": HOSTILE, "run_id": None, "weight": float("nan"), "score": None}
    return outcome(
        rows,
        search=HOSTILE,
        dataset=HOSTILE,
        ensembles={HOSTILE: {"members": [member], "score": None, "best_individual_score": None}},
        guardrails=[
            {"type": "x", "result": "done", "parameters": [], "friendly_type": HOSTILE, "friendly_result": HOSTILE}
        ],
        notes=[HOSTILE],
        settings={HOSTILE: HOSTILE},
        history=[{"at_s": 1.0, "candidate": HOSTILE, "score": 1.0}, {"at_s": 2.0, "candidate": "nan", "score": None}],
    )
