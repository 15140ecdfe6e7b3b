"""The static form of a plot: SVG and PNG files, and an SVG that is part of a page."""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from chorus_reports.plot import (
    HEAT,
    INK,
    PAGE_COLOURS,
    PAPER,
    RULE,
    Bars,
    Heat,
    Limit,
    Line,
    Panel,
    Plot,
    Steps,
    tick_text,
)

#: Width and height in inches: text keeps a readable size on a phone and in two columns.
_SIZE = (5.2, 3.0)

_DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}
_MARKERS = {
    "": "",
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "star": "*",
}

#: Settings of matplotlib while figures are drawn and written; text stays text in an SVG.
_SETTINGS: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.borderaxespad": 0.0,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "chorus",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def write_static(plot: Plot, folder: Path) -> str:
    """Write ``NAME.svg`` and ``NAME.png``; return the SVG as a part of an HTML page."""
    with mpl.rc_context(_SETTINGS):
        figure = _figure(plot)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        figure.savefig(folder / f"{plot.name}.png", format="png", dpi=144)
    svg = text.getvalue()
    (folder / f"{plot.name}.svg").write_text(svg, encoding="utf-8")
    return _inline(svg, plot.name)


def _figure(plot: Plot) -> Figure:
    figure = Figure(figsize=_SIZE, layout="constrained")
    heights = [panel.height for panel in plot.panels]
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid[:, 0], plot.panels, strict=True):
        _draw(axes, panel, plot)
    last: Axes = grid[-1, 0]
    last.set_xlabel(plot.x_label)
    if plot.nothing:
        last.text(0.5, 0.5, plot.nothing, ha="center", va="center", transform=last.transAxes)
        last.set_xticks([])
        last.set_yticks([])
        return figure
    if plot.x_range is not None:
        last.set_xlim(*plot.x_range)
    if plot.x_log:
        last.set_xscale("log")
        last.xaxis.set_minor_locator(NullLocator())
    if plot.x_ticks:
        last.xaxis.set_major_locator(FixedLocator(plot.x_ticks))
    elif not plot.x_log and not isinstance(plot.panels[-1].series[0], Heat):
        last.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    if not isinstance(plot.panels[-1].series[0], Heat):
        last.xaxis.set_major_formatter(lambda value, _: tick_text(value))
    return figure


def _draw(axes: Axes, panel: Panel, plot: Plot) -> None:
    if plot.horizontal:
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.invert_yaxis()
    # What lies under the next filled steps or bars, above and below 0.
    under = np.zeros(1)
    right, left = np.zeros(1), np.zeros(1)
    for one in panel.series:
        match one:
            case Steps():
                under = _steps(axes, one, under)
            case Line():
                _line(axes, one)
            case Bars():
                right, left = _bars(axes, one, right, left)
            case Heat():
                _heat(axes, one)
            case Limit():
                draw = axes.axhline if one.axis == "y" else axes.axvline
                draw(one.at, color=one.colour, linestyle="--", linewidth=1.1, label=one.name)
    axes.set_ylabel(panel.y_label)
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)
    if panel.whole:
        axes.locator_params(axis="y", integer=True, nbins=4 if len(plot.panels) > 1 else 7)
    if any(one.name for one in panel.series) and not isinstance(panel.series[0], Heat):
        handles, names = axes.get_legend_handles_labels()
        rows = -(-sum(len(name) + 6 for name in names) // 68)
        columns = -(-len(handles) // rows)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=columns)


def _steps(axes: Axes, one: Steps, under: Any) -> Any:
    label = one.name or "_"
    if not one.filled:
        axes.stairs(
            one.values,
            one.edges,
            baseline=None,
            color=one.colour,
            linestyle=_DASHES[one.dash],
            linewidth=one.width,
            label=label,
        )
        return under
    over = under + one.values
    axes.stairs(
        over, one.edges, baseline=over - one.values, fill=True, color=one.colour, label=label
    )
    return over


def _line(axes: Axes, one: Line) -> None:
    if one.low is not None and one.high is not None:
        axes.fill_between(one.x, one.low, one.high, color=one.colour, alpha=0.1, linewidth=0)
    axes.plot(
        one.x,
        one.y,
        linestyle=_DASHES[one.dash] if one.joined else "none",
        marker=_MARKERS[one.marker],
        markersize=one.marker_size,
        color=one.colour,
        label=one.name or "_",
        zorder=2 if one.joined else 3,
    )


def _bars(axes: Axes, one: Bars, right: Any, left: Any) -> tuple[Any, Any]:
    begin = np.where(one.values >= 0, right, left)
    place = range(len(one.labels))
    axes.barh(place, one.values, left=begin, color=one.colour, label=one.name or "_", height=0.6)
    axes.set_yticks(place, list(one.labels))
    return right + np.maximum(one.values, 0), left + np.minimum(one.values, 0)


def _heat(axes: Axes, one: Heat) -> None:
    axes.grid(visible=False)
    colours = LinearSegmentedColormap.from_list("heat", HEAT)
    axes.imshow(one.values, aspect="auto", cmap=colours, origin="lower")
    axes.set_xticks(range(len(one.columns)), list(one.columns))
    axes.set_yticks(range(len(one.rows)), list(one.rows))
    low, high = float(np.nanmin(one.values)), float(np.nanmax(one.values))
    size = 8.0 if len(one.columns) <= 6 else 6.0
    for row, texts in enumerate(one.texts):
        for column, text in enumerate(texts):
            dark = (one.values[row, column] - low) > 0.55 * (high - low)
            colour = PAPER if dark else "#101010"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def _inline(svg: str, name: str) -> str:
    """Return the drawing without its file header, colours as the page's, ids of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 aria-hidden="true"', svg, count=1)
    svg = svg.replace("'DejaVu Sans'", "inherit").replace(f"fill: {PAPER}", "fill: none")
    for colour, variable in PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg
