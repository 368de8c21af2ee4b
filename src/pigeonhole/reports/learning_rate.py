"""The loss over a growing learning rate, with the suggested rate marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pigeonhole.reports import style


def learning_rate_chart(
    learning_rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float,
    folder: Path,
    *,
    html: bool = False,
) -> list[Path]:
    """Draws `learning-rate.png`.

    Args:
        learning_rates: of each step, rising.
        losses: of each step, in nats.
        smoothed: the losses as a moving average.
        suggestion: the rate to mark.
        folder: where to.
        html: whether to write `learning-rate.html` too.

    Returns:
        The files.
    """
    alt = style.altair()
    steps = [
        {"rate": rate, "loss": loss, "smoothed": mean}
        for rate, loss, mean in zip(learning_rates, losses, smoothed, strict=True)
    ]
    # A single loss after the end of all learning may be a thousand times the others: they are cut off at the top.
    highest = 1.6 * max(smoothed[: len(smoothed) // 2 + 1])
    rate = alt.X("rate:Q", title="learning rate", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=8))
    domain = alt.Scale(domain=[0, highest], clamp=True)
    tips = [alt.Tooltip("rate:Q", format=".2e"), alt.Tooltip("loss:Q", format=".4f")]
    base = alt.Chart(alt.Data(values=steps), width=520, height=260).encode(x=rate, tooltip=tips)
    points = base.mark_circle(size=22, color=style.GREY, opacity=0.5).encode(
        y=alt.Y("loss:Q", title="loss (nats)", scale=domain)
    )
    line = base.mark_line(strokeWidth=2.5, color=style.BLUE).encode(y=alt.Y("smoothed:Q", scale=domain))
    mark = alt.Chart(alt.Data(values=[{"rate": suggestion, "text": f"suggested: {suggestion:g}"}])).encode(x=rate)
    rule = mark.mark_rule(strokeDash=[4, 3], color=style.ORANGE, strokeWidth=1.5)
    text = mark.mark_text(align="right", dx=-6, color=style.ORANGE, fontSize=12).encode(y=alt.value(12), text="text:N")
    chart = (points + line + rule + text).properties(
        title=style.title(
            f"A learning rate of up to {suggestion:g} is suggested",
            "A tenth of the rate at which the loss is least (line: moving average; points: single steps)",
        )
    )
    return style.save(chart, folder / "learning-rate.png", html=html)
