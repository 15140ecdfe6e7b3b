"""Both forms of a plot hold the plot's own numbers, and nothing a user wrote acts in either."""

import json

import matplotlib as mpl
import numpy as np
import pytest

from chorus_reports.interactive import figure_json
from chorus_reports.plot import Bars, Heat, Limit, Line, Panel, Plot, Steps, log_ticks
from chorus_reports.static import _figure, write_static

EDGES = np.array([0.0, 1.0, 3.0, 4.0])
STEPS = Steps(name="a", edges=EDGES, values=np.array([1.0, 2.0, 0.5]), colour="#0072b2")
UPPER = Steps(name="b", edges=EDGES, values=np.array([3.0, 0.0, 1.0]), colour="#e69f00")
OUTLINE = Steps(
    name="c", edges=EDGES, values=np.array([4.0, np.nan, 2.0]), colour="#009e73", filled=False
)
LINE = Line(
    name="d",
    x=np.array([1.0, 2.0, 4.0]),
    y=np.array([0.1, 0.2, 0.3]),
    low=np.array([0.0, 0.1, 0.2]),
    high=np.array([0.2, 0.3, 0.4]),
    colour="#cc79a7",
    marker="circle",
    notes=("one", "two", "three"),
)


def plot_of(*panels, **more):
    return Plot(
        name="made",
        title="Made",
        caption="",
        panels=tuple(panels),
        x_label="x",
        **more,
    )


def panel_of(*series, **more):
    return Panel(series=series, y_label="y", **more)


def plotly_of(plot):
    return json.loads(figure_json(plot))


def test_steps_are_stacked_from_the_same_values_in_both_forms():
    plot = plot_of(panel_of(STEPS, UPPER))
    with mpl.rc_context():
        patches = _figure(plot).axes[0].patches
    data = [patch.get_data() for patch in patches]
    assert data[0].values.tolist() == STEPS.values.tolist()
    assert (data[1].values - data[1].baseline).tolist() == UPPER.values.tolist()
    traces = plotly_of(plot)["data"]
    assert [trace["y"] for trace in traces] == [STEPS.values.tolist(), UPPER.values.tolist()]
    for trace in traces:
        ends = np.array(trace["x"]) + np.array(trace["width"])
        assert [*trace["x"], ends[-1]] == EDGES.tolist()
        assert trace["offset"] == 0
    assert plotly_of(plot)["layout"]["barmode"] == "relative"


def test_a_missing_value_is_a_gap():
    trace = plotly_of(plot_of(panel_of(OUTLINE)))["data"][0]
    assert trace["y"] == [4.0, None, 2.0, 2.0]
    assert trace["line"]["shape"] == "hv"


def test_lines_bands_and_notes_are_the_same_in_both_forms():
    plot = plot_of(panel_of(LINE), x_log=True, x_range=(1.0, 4.0), x_ticks=(1.0, 2.0, 4.0))
    axes = _figure(plot).axes[0]
    assert axes.lines[0].get_xydata().tolist() == np.column_stack([LINE.x, LINE.y]).tolist()
    assert axes.get_xscale() == "log"
    figure = plotly_of(plot)
    low, high, line = figure["data"]
    assert (low["y"], high["y"], line["y"]) == (
        LINE.low.tolist(),
        LINE.high.tolist(),
        LINE.y.tolist(),
    )
    assert line["text"] == list(LINE.notes)
    axis = figure["layout"]["xaxis"]
    assert axis["range"] == [0.0, pytest.approx(np.log10(4))]
    assert axis["ticktext"] == ["1", "2", "4"]


def test_bars_below_zero_point_the_other_way():
    low = Bars(name="low", labels=("p", "q"), values=np.array([-1.0, -2.0]), colour="#56b4e9")
    high = Bars(name="high", labels=("p", "q"), values=np.array([3.0, 0.5]), colour="#d55e00")
    plot = plot_of(panel_of(low, high), x_range=(-4.0, 4.0))
    bars = [(bar.get_x(), bar.get_width()) for bar in _figure(plot).axes[0].patches]
    assert bars == [(0.0, -1.0), (0.0, -2.0), (0.0, 3.0), (0.0, 0.5)]
    traces = plotly_of(plot)["data"]
    assert [trace["x"] for trace in traces] == [[-1.0, -2.0], [3.0, 0.5]]
    assert all(trace["orientation"] == "h" for trace in traces)


def test_a_heat_map_leaves_unknown_cells_empty():
    heat = Heat(
        name="s",
        columns=("1", "2"),
        rows=("x", "y"),
        values=np.array([[1.0, np.nan], [3.0, 4.0]]),
        texts=(("1", ""), ("3", "4")),
    )
    assert plotly_of(plot_of(panel_of(heat)))["data"][0]["z"] == [[1.0, None], [3.0, 4.0]]


def test_limits_and_panels_share_one_axis():
    plot = plot_of(panel_of(STEPS, Limit(name="top", at=2.5)), panel_of(UPPER, height=2.0))
    layout = plotly_of(plot)["layout"]
    assert layout["shapes"][0]["y0"] == layout["shapes"][0]["y1"] == 2.5
    (low, high), (bottom, top) = layout["yaxis"]["domain"], layout["yaxis2"]["domain"]
    assert (bottom, high) == (0.0, 1.0)
    assert top < low
    assert (top - bottom) == pytest.approx(2 * (high - low))


def test_names_cannot_act(tmp_path):
    evil = "</script><b onclick=x>"
    plot = plot_of(
        panel_of(STEPS.__class__(name=evil, edges=EDGES, values=STEPS.values, colour="#000000"))
    )
    text = figure_json(plot)
    assert "<" not in text
    assert json.loads(text)["data"][0]["name"] == "&lt;/script&gt;&lt;b onclick=x&gt;"
    assert "<b onclick" not in write_static(plot, tmp_path)


@pytest.mark.parametrize(
    ("low", "high", "base", "ticks"),
    [
        (1.0, 100.0, 10, (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)),
        (0.9, 70.0, 2, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)),
        (1.0, 1e6, 10, (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)),
    ],
)
def test_ticks_of_a_log_axis_are_round_and_few(low, high, base, ticks):
    assert log_ticks(low, high, base) == ticks
    assert len(log_ticks(1.0, 2.0**40, 2)) <= 8
