"""The traces of an interactive figure: each series of a plot as Plotly draws it."""

import html
from typing import Any

import numpy as np

from chorus_reports.plot import HEAT, PAGE_COLOURS, Bars, Heat, Line, Steps

DASHES = {"solid": "solid", "dashed": "dash", "dotted": "dot"}
_MARKERS = {
    "circle": "circle",
    "square": "square",
    "triangle": "triangle-up",
    "diamond": "diamond",
    "star": "star",
}


def page_colour(colour: str) -> str:
    """Return the page's variable for a colour that has one; the script puts in its value."""
    return PAGE_COLOURS.get(colour, colour)


def traces_of(one: Steps | Line | Bars | Heat) -> list[dict[str, Any]]:
    """Return the traces of one series."""
    match one:
        case Steps():
            return [_filled(one) if one.filled else _stairs(one)]
        case Line():
            return [*_band(one), _line(one)]
        case Bars():
            return [_bars(one)]
        case Heat():
            return [_heat(one)]


def _named(name: str) -> dict[str, Any]:
    shown = html.escape(name)
    return {"name": shown, "showlegend": bool(name), "legendgroup": shown or None}


def _filled(one: Steps) -> dict[str, Any]:
    return {
        **_named(one.name),
        "type": "bar",
        "x": one.edges[:-1].tolist(),
        "width": np.diff(one.edges).tolist(),
        "offset": 0,
        "y": one.values.tolist(),
        "marker": {"color": page_colour(one.colour), "line": {"width": 0}},
        "hovertemplate": "%{x:,.4~g}: %{y:,.4~g}<extra>" + html.escape(one.name) + "</extra>",
    }


def _stairs(one: Steps) -> dict[str, Any]:
    return {
        **_named(one.name),
        "type": "scatter",
        "mode": "lines",
        "x": one.edges.tolist(),
        "y": [*one.values.tolist(), *one.values[-1:].tolist()],
        "line": {
            "shape": "hv",
            "color": page_colour(one.colour),
            "width": one.width,
            "dash": DASHES[one.dash],
        },
        "hovertemplate": "%{x:,.6~g}: %{y:,.4~g}<extra>" + html.escape(one.name) + "</extra>",
    }


def _band(one: Line) -> list[dict[str, Any]]:
    """Return the band's lower and upper edge; the legend entry of the line hides them too."""
    if one.low is None or one.high is None:
        return []
    edge = {**_named(one.name), "showlegend": False, "type": "scatter", "mode": "lines"}
    edge |= {"hoverinfo": "skip", "line": {"width": 0, "color": page_colour(one.colour)}}
    low = {**edge, "x": one.x.tolist(), "y": one.low.tolist()}
    high = {**edge, "x": one.x.tolist(), "y": one.high.tolist(), "fill": "tonexty"}
    return [low, high | {"fillcolor": _faint(one.colour)}]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def _line(one: Line) -> dict[str, Any]:
    colour = page_colour(one.colour)
    modes = (["lines"] if one.joined else []) + (["markers"] if one.marker else [])
    trace = {
        **_named(one.name),
        "type": "scatter",
        "mode": "+".join(modes),
        "x": one.x.tolist(),
        "y": one.y.tolist(),
        "line": {"color": colour, "width": 1.8, "dash": DASHES[one.dash]},
        "hovertemplate": "%{x:,.6~g}: %{y:,.4~g}<extra>" + html.escape(one.name) + "</extra>",
    }
    if one.marker:
        size = one.marker_size * 1.5
        trace["marker"] = {"symbol": _MARKERS[one.marker], "size": size, "color": colour}
    if one.notes:
        trace["text"] = [html.escape(note) for note in one.notes]
        trace["hovertemplate"] = "%{text}<br>" + str(trace["hovertemplate"])
    return trace


def _bars(one: Bars) -> dict[str, Any]:
    return {
        **_named(one.name),
        "type": "bar",
        "orientation": "h",
        "y": [html.escape(label).replace("\n", "<br>") for label in one.labels],
        "x": one.values.tolist(),
        "marker": {"color": page_colour(one.colour)},
        "hovertemplate": "%{x:,.4~g}<extra>" + html.escape(one.name) + "</extra>",
    }


def _heat(one: Heat) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "x": [html.escape(name) for name in one.columns],
        "y": [html.escape(name) for name in one.rows],
        "z": [[None if np.isnan(cell) else float(cell) for cell in row] for row in one.values],
        "text": [[html.escape(text) for text in row] for row in one.texts],
        "texttemplate": "%{text}",
        "colorscale": [[0, HEAT[0]], [1, HEAT[1]]],
        "showscale": False,
        "hovertemplate": "%{x}, %{y}: %{text}<extra>" + html.escape(one.name) + "</extra>",
    }
