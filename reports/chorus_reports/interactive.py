"""The interactive form of a plot: a Plotly figure as JSON, drawn by a script inside the page.

Colours are the page's variables; the script puts in what they stand for, so a figure follows the
reader's light or dark scheme.
"""

import html
from typing import Any

import numpy as np

from chorus_reports.plot import INK, RULE, Heat, Limit, Panel, Plot, tick_text
from chorus_reports.plotly_traces import page_colour, traces_of

#: Share of the height between two panels.
_GAP = 0.1
_HEIGHT = 330


def figure_json(plot: Plot) -> str:
    """Return the Plotly figure of ``plot`` as JSON that may stand inside a script element.

    Raises ``ValueError`` for a property that Plotly does not know.
    """
    import plotly.graph_objects as go

    traces: list[Any] = []
    layout: dict[str, Any] = _layout(plot)
    for number, (panel, (low, high)) in enumerate(
        zip(plot.panels, _domains(plot), strict=True), start=1
    ):
        axis = "y" if number == 1 else f"y{number}"
        layout[f"yaxis{'' if number == 1 else number}"] = _y_axis(panel, plot, (low, high))
        for one in panel.series:
            if isinstance(one, Limit):
                layout["shapes"].append(_limit_shape(one, axis))
                layout["annotations"].append(_limit_text(one, axis))
            else:
                traces += [trace | {"yaxis": axis, "xaxis": "x"} for trace in traces_of(one)]
    layout["xaxis"]["anchor"] = "y" if len(plot.panels) == 1 else f"y{len(plot.panels)}"
    text: str = go.Figure({"data": traces, "layout": layout}).to_json(validate=True)
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, code)
    return text


def plotly_script() -> str:
    """Return Plotly's whole program (MIT licence), to stand in a page once."""
    from plotly.offline import get_plotlyjs

    program: str = get_plotlyjs()
    return program


def _domains(plot: Plot) -> list[tuple[float, float]]:
    """Return the lower and upper end of each panel, shares of the height, from the top down."""
    heights = [panel.height for panel in plot.panels]
    room = 1 - _GAP * (len(heights) - 1)
    ends, top = [], 1.0
    for height in heights:
        low = top - room * height / sum(heights)
        ends.append((max(low, 0.0), top))
        top = low - _GAP
    return ends


def _layout(plot: Plot) -> dict[str, Any]:
    ink, rule = page_colour(INK), page_colour(RULE)
    x_axis: dict[str, Any] = {
        "title": {"text": html.escape(plot.x_label), "standoff": 8},
        "linecolor": ink,
        "ticks": "outside",
        "tickcolor": ink,
        "ticklen": 4,
        "showgrid": plot.horizontal,
        "gridcolor": rule,
        "zeroline": plot.horizontal,
        "zerolinecolor": rule,
        "automargin": True,
        "separatethousands": True,
    }
    if plot.x_log:
        x_axis["type"] = "log"
    if plot.x_range is not None:
        low, high = plot.x_range
        x_axis["range"] = [np.log10(low), np.log10(high)] if plot.x_log else [low, high]
    if plot.x_ticks:
        x_axis["tickvals"] = list(plot.x_ticks)
        x_axis["ticktext"] = [tick_text(value) for value in plot.x_ticks]
    layout: dict[str, Any] = {
        "template": None,
        "height": _HEIGHT,
        "margin": {"l": 56, "r": 12, "t": 48 if _has_legend(plot) else 12, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": ink, "family": "inherit"},
        "barmode": "relative",
        "bargap": 0.35,
        "dragmode": "zoom",
        "hovermode": "y unified" if plot.horizontal else "closest",
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 11},
            "traceorder": "normal",
        },
        "xaxis": x_axis,
        "shapes": [],
        "annotations": [],
    }
    if plot.nothing:
        layout["annotations"].append(_nothing(plot.nothing))
    return layout


def _has_legend(plot: Plot) -> bool:
    series = [one for panel in plot.panels for one in panel.series]
    return any(one.name for one in series if not isinstance(one, Heat | Limit))


def _nothing(text: str) -> dict[str, Any]:
    middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    return {"text": html.escape(text), "showarrow": False, **middle}


def _y_axis(panel: Panel, plot: Plot, domain: tuple[float, float]) -> dict[str, Any]:
    ink, rule = page_colour(INK), page_colour(RULE)
    axis: dict[str, Any] = {
        "title": {"text": html.escape(panel.y_label).replace("\n", "<br>"), "standoff": 6},
        "domain": list(domain),
        "linecolor": ink,
        "gridcolor": rule,
        "showgrid": not plot.horizontal,
        "zeroline": False,
        "automargin": True,
        "separatethousands": True,
        "nticks": 5 if len(plot.panels) > 1 else 8,
    }
    if panel.y_range is not None:
        axis["range"] = list(panel.y_range)
    if panel.whole:
        axis["tickformat"] = ",d"
        if panel.y_range is not None and panel.y_range[1] < 5:
            axis["dtick"] = 1
    if plot.horizontal:
        axis["autorange"] = "reversed"
    return axis


def _limit_shape(one: Limit, axis: str) -> dict[str, Any]:
    line = {"color": page_colour(one.colour), "width": 1.3, "dash": "dash"}
    if one.axis == "y":
        across = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": one.at, "y1": one.at}
    else:
        across = {"xref": "x", "x0": one.at, "x1": one.at, "yref": "paper", "y0": 0, "y1": 1}
    return {"type": "line", "line": line, **across}


def _limit_text(one: Limit, axis: str) -> dict[str, Any]:
    place: dict[str, Any]
    if one.axis == "y":
        place = {"xref": "paper", "x": 1, "xanchor": "right", "yref": axis, "y": one.at}
        place["yanchor"] = "bottom"
    else:
        place = {"xref": "x", "x": one.at, "xanchor": "left", "yref": "paper", "y": 0}
        place["yanchor"] = "bottom"
    font = {"size": 11, "color": page_colour(one.colour)}
    return {"text": html.escape(one.name), "showarrow": False, "font": font, **place}
