"""Confidence beside accuracy: whether stated probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.reports import style


def calibration_chart(evaluation: Mapping[str, Any], folder: Path, *, html: bool = False) -> list[Path]:
    """Draws `calibration.png`: accuracy by confidence, and how many images have each confidence.

    Args:
        evaluation: what `Evaluation.to_dict` gives.
        folder: where to.
        html: whether to write `calibration.html` too.
    """
    alt = style.altair()
    bins = [entry for entry in evaluation["calibration"]["bins"] if entry["n"]]
    whole = alt.Scale(domain=[0, 1])
    base = alt.Chart(alt.Data(values=bins), width=330)
    x = alt.X("confidence:Q", title="stated confidence", scale=whole, axis=alt.Axis(format="%"))
    ideal = (
        alt.Chart(alt.Data(values=[{"a": 0}, {"a": 1}]), width=330, height=230)
        .mark_line(strokeDash=[4, 4], color=style.GREY, strokeWidth=1.5)
        .encode(x="a:Q", y="a:Q")
    )
    points = base.mark_circle(color=style.BLUE, opacity=1, stroke="white").encode(
        x=x,
        y=alt.Y("accuracy:Q", title="accuracy at that confidence", scale=whole, axis=alt.Axis(format="%")),
        size=alt.Size("n:Q", legend=None, scale=alt.Scale(type="sqrt", range=[40, 400])),
        tooltip=["n:Q", alt.Tooltip("confidence:Q", format=".1%"), alt.Tooltip("accuracy:Q", format=".1%")],
    )
    # A linear scale would show the last bar alone: a good model is sure of nearly everything.
    ticks = [0, *(10**power for power in range(9))]
    bars = base.mark_bar(color=style.BLUE, binSpacing=1).encode(
        x=alt.X("low:Q", bin="binned", title="stated confidence", scale=whole, axis=alt.Axis(format="%", tickCount=5)),
        x2="high:Q",
        y=alt.Y("n:Q", title="images", scale=alt.Scale(type="symlog"), axis=alt.Axis(format=",d", values=ticks)),
    )
    chart = alt.hconcat(ideal + points, bars.properties(height=230), spacing=28)
    return style.save(chart.properties(title=style.title(*_finding(evaluation))), folder / "calibration.png", html=html)


def _finding(evaluation: Mapping[str, Any]) -> tuple[str, str]:
    confidence, accuracy = evaluation["mean_confidence"], evaluation["accuracy"]["value"]
    gap = confidence - accuracy
    verdict = "stated and true agree" if abs(gap) < 0.0005 else f"{'too sure' if gap > 0 else 'too modest'} on average"
    return (
        f"Calibration error {evaluation['calibration_error']:.2%}: {verdict}",
        f"Mean confidence {confidence:.2%}, accuracy {accuracy:.2%}. On the dashed line confidence can be believed;"
        " 15 bins, larger dots are more images.",
    )
