"""The plot: what a figure shows, as plain values, before anything draws it.

A plot is defined once. ``static.py`` draws it with matplotlib as SVG and PNG, ``interactive.py`` as
a Plotly figure; both read the same arrays, so the two forms cannot disagree.
"""

from typing import Literal, TypeAlias

import msgspec
import numpy as np

from chorus_reports.finished_run import FloatArray

Dash = Literal["solid", "dashed", "dotted"]
Marker = Literal["", "circle", "square", "triangle", "diamond", "star"]

#: Colours that stay apart for colour-blind readers (after Okabe and Ito, 2008).
KIND_COLOURS = {"copy": "#009e73", "regional": "#0072b2", "resume": "#56b4e9", "fresh": "#a3abb5"}
COLUMN_COLOURS = {
    "policy": "#0072b2",
    "no_cache": "#7c8590",
    "unbounded": "#e69f00",
    "clairvoyant": "#cc79a7",
}
LIMIT_COLOUR = "#d55e00"
SERIES_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#7c8590",
    "#b8a800",
)
#: Colours of the least and the greatest value of a heat map.
HEAT = ("#eaf3f9", "#005a8c")
INK, RULE, PAPER = "#1f2328", "#d9dde2", "#ffffff"

#: The variable of the page that stands for a colour; it follows the reader's light or dark scheme.
PAGE_COLOURS = {
    INK: "var(--ink)",
    RULE: "var(--rule)",
    LIMIT_COLOUR: "var(--limit)",
    **{colour: f"var(--kind-{name})" for name, colour in KIND_COLOURS.items()},
    **{
        colour: f"var(--column-{name.replace('_', '-')})"
        for name, colour in COLUMN_COLOURS.items()
        if name != "policy"
    },
}


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Values between successive edges: ``edges`` ``(bins + 1,)``, ``values`` ``(bins,)``.

    Filled ones of a panel are stacked in order; others are lines of their own.
    """

    name: str
    edges: FloatArray
    values: FloatArray
    colour: str
    filled: bool = True
    dash: Dash = "solid"
    width: float = 1.8


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Points ``(x, y)`` joined by a line, marked, or both; ``low``, ``high`` bound a band.

    ``notes`` are texts for the reader who points at a mark.
    """

    name: str
    x: FloatArray
    y: FloatArray
    colour: str
    dash: Dash = "solid"
    joined: bool = True
    marker: Marker = ""
    marker_size: float = 5.0
    low: FloatArray | None = None
    high: FloatArray | None = None
    notes: tuple[str, ...] = ()


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """One horizontal bar per label, the first on top; several series of a panel are stacked.

    Values below 0 point to the left (a tornado has two series).
    """

    name: str
    labels: tuple[str, ...]
    values: FloatArray
    colour: str


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """A colour per cell: ``values`` ``(rows, columns)``, NaN where nothing is known.

    ``texts`` are the cells' words; the greatest value has the darkest cell.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: FloatArray
    texts: tuple[tuple[str, ...], ...]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A straight line across the panel, at a value of its y axis or of the x axis."""

    name: str
    at: float
    axis: Literal["x", "y"] = "y"
    colour: str = LIMIT_COLOUR


Series: TypeAlias = Steps | Line | Bars | Heat | Limit


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of axes. ``y_range`` is what is shown; ``height`` is relative to the others."""

    series: tuple[Series, ...]
    y_label: str
    y_range: tuple[float, float] | None = None
    whole: bool = False
    height: float = 1.0


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Panels one below the other on one x axis; ``name`` is the file's, ``caption`` its finding.

    ``x_ticks`` are the only ones shown where given. ``nothing`` stands in place of what is missing.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    x_label: str
    x_range: tuple[float, float] | None = None
    x_log: bool = False
    x_ticks: tuple[float, ...] = ()
    nothing: str = ""

    @property
    def horizontal(self) -> bool:
        """Tell whether the plot is one of horizontal bars."""
        return isinstance(self.panels[0].series[0], Bars) if self.panels[0].series else False


def log_ticks(low: float, high: float, base: int = 10, most: int = 8) -> tuple[float, ...]:
    """Return round values from ``low`` to ``high`` for a log axis, thinned to ``most``.

    Base 10 gives decades, with 2 and 5 between where there are few; base 2 powers of two.
    """
    first = int(np.floor(np.log(low) / np.log(base))) - 1
    last = int(np.ceil(np.log(high) / np.log(base))) + 1
    powers = [float(base) ** power for power in range(first, last + 1)]
    if base == 10 and high < 300 * low:
        powers = [power * factor for power in powers for factor in (1, 2, 5)]
    slack = 1e-9
    fits = [tick for tick in powers if low * (1 - slack) <= tick <= high * (1 + slack)]
    return tuple(fits[:: -(-len(fits) // most) or 1])


def tick_text(value: float) -> str:
    """Return a tick's text: thousands apart, no digits that say nothing."""
    return f"{value:,.10g}"


def label_of(name: str, otherwise: str) -> str:
    """Return a user's name where every font can draw it, else ``otherwise``."""
    fit = name.isascii() and name.isprintable() and not name.startswith("_") and len(name) <= 24
    return name.replace("_", " ") if fit and name.strip() else otherwise
