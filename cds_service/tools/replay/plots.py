"""The report's pictures, as SVG text. Draws what it is given and works nothing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#2a6f97", "#d1843a", "#6b8f3c")
DASHES = ("-", "--", ":", "-.")
WIDTH = 7.2
STYLE: dict[Any, Any] = {  # keys are listed by a type too long to repeat
    "svg.hashsalt": "heparin-cds",  # the same picture is the same file
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
}

Series = Mapping[str, Sequence[float]]  # name -> one value per label


def bars(labels: Sequence[str], series: Series, axis: str) -> str:
    """Horizontal bars, one group per label, the first on top."""
    with mpl.rc_context(STYLE):
        rows = max(len(labels), 1)
        figure = Figure(figsize=(WIDTH, 0.9 + 0.24 * rows * max(len(series), 1)), layout="tight")
        axes = figure.add_subplot()
        thick = 0.8 / max(len(series), 1)
        for place, (name, values) in enumerate(series.items()):
            at = [row + thick * (place - (len(series) - 1) / 2) for row in range(len(labels))]
            drawn = axes.barh(at, values, height=thick * 0.9, label=name, color=COLOURS[place])
            axes.bar_label(drawn, fmt="{:,.4g}", padding=3, fontsize=8)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
        return _finished(figure, axes, axis, legend=len(series) > 1)


def histogram(values: Series, edges: Sequence[float], axis: str, line: float | None = None) -> str:
    """How many patients lie where; with a protocol's line where there is one."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.6), layout="tight")
        axes = figure.add_subplot()
        axes.hist(
            [list(each) for each in values.values()] or [[]],
            bins=list(edges),
            label=list(values) or [""],
            color=list(COLOURS[: max(len(values), 1)]),
            rwidth=0.9,
        )
        if line is not None:
            axes.axvline(line, color="#b3261e", linewidth=1.2, linestyle="--")
        axes.set_ylabel("patients")
        axes.grid(axis="x", visible=False)
        return _finished(figure, axes, axis, legend=len(values) > 1)


def curves(at: Sequence[float], series: Series, axes_named: tuple[str, str], line: float) -> str:
    """One line for each name over the same values; `line` marks the value in use."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="tight")
        axes = figure.add_subplot()
        for place, (name, values) in enumerate(series.items()):
            colour, dash = (
                COLOURS[place % len(COLOURS)],
                DASHES[place // len(COLOURS) % len(DASHES)],
            )
            axes.plot(at, values, marker="o", markersize=3, label=name, color=colour, ls=dash)
        axes.axvline(line, color="#b3261e", linewidth=1.2, linestyle="--")
        axes.set_ylim(bottom=0)
        axes.set_ylabel(axes_named[1])
        return _finished(figure, axes, axes_named[0], legend=True)


def _finished(figure: Figure, axes: Axes, axis: str, *, legend: bool) -> str:
    axes.set_xlabel(axis)
    if legend:
        axes.legend(frameon=False)
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    whole = drawn.getvalue()
    return whole[whole.index("<svg") :]
