"""The chart: one figure with its caption, drawn once and written as SVG and PNG."""

import io
import re
from pathlib import Path
from typing import Any

import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers (after Okabe and Ito, 2008).
KIND_COLOURS = {"copy": "#009e73", "regional": "#0072b2", "resume": "#56b4e9", "fresh": "#a3abb5"}
COLUMN_COLOURS = {
    "policy": "#0072b2",
    "no_cache": "#7c8590",
    "unbounded": "#e69f00",
    "clairvoyant": "#cc79a7",
}
LIMIT_COLOUR = "#d55e00"
INK, RULE, _PAPER = "#1f2328", "#d9dde2", "#ffffff"

#: Width and height in inches: text keeps a readable size on a phone and in two columns.
_SIZE = (5.2, 3.0)

#: Settings of matplotlib while figures are drawn and written; text stays text in an SVG.
SETTINGS: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": _PAPER,
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


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A figure; ``name`` is its file's, ``caption`` is what it shows, in words."""

    name: str
    title: str
    caption: str
    figure: Figure

    def write(self, folder: Path) -> str:
        """Write ``NAME.svg`` and ``NAME.png``; return the SVG as a part of an HTML page."""
        text = io.StringIO()
        self.figure.savefig(text, format="svg", metadata={"Date": None})
        svg = text.getvalue()
        (folder / f"{self.name}.svg").write_text(svg, encoding="utf-8")
        self.figure.savefig(folder / f"{self.name}.png", format="png", dpi=144)
        return _inline(svg, self.name)


def new_figure(rows: int = 1, heights: tuple[float, ...] = (1.0,)) -> tuple[Figure, list[Axes]]:
    """Return an empty figure with ``rows`` axes one below the other on one x axis."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    grid = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=heights)
    return figure, list(grid[:, 0])


def legend_above(axes: Axes, columns: int = 4) -> None:
    """Put the legend above the axes, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=columns)


def say(axes: Axes, text: str) -> None:
    """Write ``text`` in the middle of axes that have nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def label_of(name: str, otherwise: str) -> str:
    """Return a user's name where every font can draw it, else ``otherwise``."""
    fit = name.isascii() and name.isprintable() and not name.startswith("_") and len(name) <= 24
    return name.replace("_", " ") if fit and name.strip() else otherwise


def _inline(svg: str, name: str) -> str:
    """Return the drawing without its file header, colours as the page's, ids of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 aria-hidden="true"', svg, count=1)
    svg = svg.replace("'DejaVu Sans'", "inherit").replace(f"fill: {_PAPER}", "fill: none")
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


#: A colour of a figure, and the variable of the page that takes its place.
_VARIABLES = {
    INK: "--ink",
    RULE: "--rule",
    LIMIT_COLOUR: "--limit",
    **{colour: f"--kind-{name}" for name, colour in KIND_COLOURS.items()},
    **{
        colour: f"--column-{name.replace('_', '-')}"
        for name, colour in COLUMN_COLOURS.items()
        if name != "policy"
    },
}
