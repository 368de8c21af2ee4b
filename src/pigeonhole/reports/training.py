"""Curves of a training: loss and accuracy by epoch, for training and validation, with the best epoch marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pigeonhole.reports import style

_SETS = {"train": "training", "validation": "validation"}
_MANY_EPOCHS = 40
_NAMED_EPOCHS = 12


def training_curves(history: Sequence[Mapping[str, Any]], folder: Path, *, html: bool = False) -> list[Path]:
    """Draws `training.png`.

    Args:
        history: an entry an epoch: `epoch`, `epochs`, `train_loss`, `train_accuracy`, `validation_loss`,
            `validation_accuracy`, `best`; what is absent or null is left out.
        folder: where to.
        html: whether to write `training.html` too.

    Returns:
        The files; none where there are no epochs.
    """
    if not history:
        return []
    alt = style.altair()
    best = _best(history)
    loss = _panel(history, "loss", "loss (nats)", ".3~g", best)
    accuracy = _panel(history, "accuracy", "accuracy", ".1~%", best)
    panels = [panel for panel in (loss, accuracy) if panel is not None]
    if not panels:
        return []
    chart = alt.hconcat(*panels, spacing=28).properties(title=style.title(*_finding(history, best)))
    return style.save(chart, folder / "training.png", html=html)


def _best(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    marked = [record for record in history if record.get("best")]
    return marked[-1] if marked else None


def _panel(
    history: Sequence[Mapping[str, Any]], what: str, axis: str, form: str, best: Mapping[str, Any] | None
) -> Any | None:
    alt = style.altair()
    points = [
        {"epoch": record["epoch"], "set": name, "value": record[f"{key}_{what}"]}
        for key, name in _SETS.items()
        for record in history
        if record.get(f"{key}_{what}") is not None
    ]
    if not points:
        return None
    last = int(history[-1]["epoch"])
    colour = alt.Scale(domain=list(_SETS.values()), range=[style.BLUE, style.ORANGE])
    dashes = alt.Scale(domain=list(_SETS.values()), range=[[1, 0], [6, 3]])
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=500, symbolStrokeWidth=2.5, offset=4)
    # Few epochs are named one by one: Vega's own choice puts ticks between whole numbers.
    named = {"values": list(range(1, last + 1))} if last <= _NAMED_EPOCHS else {"tickCount": _NAMED_EPOCHS}
    ticks = alt.Axis(format="d", grid=False, labelFlush=False, **named)
    lines = (
        alt.Chart(alt.Data(values=points), width=330, height=230)
        .mark_line(strokeWidth=2.5, point={"size": 36} if last <= _MANY_EPOCHS else False)
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=ticks, scale=alt.Scale(domain=[1, max(last, 2)], nice=False)),
            y=alt.Y("value:Q", title=axis, axis=alt.Axis(format=form), scale=alt.Scale(zero=False)),
            color=alt.Color("set:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("set:N", scale=dashes, legend=legend),
            tooltip=["set:N", "epoch:Q", alt.Tooltip("value:Q", format=".4f")],
        )
    )
    return lines if best is None else lines + _mark(best, last)


def _mark(best: Mapping[str, Any], last: int) -> Any:
    alt = style.altair()
    epoch = int(best["epoch"])
    base = alt.Chart(alt.Data(values=[{"epoch": epoch, "text": f"best: epoch {epoch}"}]))
    rule = base.mark_rule(strokeDash=[3, 3], color=style.GREY).encode(x="epoch:Q")
    left = epoch > (1 + last) / 2
    text = base.mark_text(
        align="right" if left else "left", dx=-6 if left else 6, baseline="middle", color=style.GREY, fontSize=12
    ).encode(x="epoch:Q", y=alt.value(115), text="text:N")
    return rule + text


def _finding(history: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> tuple[str, str]:
    last = history[-1]
    planned = int(last.get("epochs") or last["epoch"])
    ran = int(last["epoch"])
    length = f"{planned} epochs" if ran == planned else f"{ran} of {planned} epochs, then stopped"
    chosen = best or last
    accuracy, of = chosen.get("validation_accuracy"), "Validation"
    if accuracy is None:
        accuracy, of = chosen.get("train_accuracy"), "Training"
    if accuracy is None:
        return f"Training over {length}", ""
    role = "the epoch that is kept" if best else "the last epoch"
    return f"{of} accuracy {accuracy:.2%} at epoch {chosen['epoch']}, {role}", f"Training over {length}"
