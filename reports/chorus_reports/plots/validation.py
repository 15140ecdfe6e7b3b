"""Response times of a live run and of its prediction."""

from typing import Any

import numpy as np

from chorus_reports.plot import COLUMN_COLOURS, INK, KIND_COLOURS, Dash, Line, Panel, Plot
from chorus_reports.validation_quantities import share_of

_PREDICTED, _MEASURED = COLUMN_COLOURS["policy"], COLUMN_COLOURS["unbounded"]


def response_scatter(found: dict[str, Any]) -> Plot:
    """Draw predicted over measured, a point a request."""
    rows = found["requests"]
    predicted = np.array(rows["response_predicted_s"])
    measured = np.array(rows["response_measured_s"])
    kinds = np.array(rows["kind"])
    top = float(max(predicted.max(), measured.max()))
    series = [
        Line(
            name=kind,
            x=measured[kinds == kind],
            y=predicted[kinds == kind],
            colour=colour,
            joined=False,
            marker="circle",
            marker_size=3.0,
        )
        for kind, colour in KIND_COLOURS.items()
        if (kinds == kind).any()
    ]
    ends = np.array([0.0, top])
    series.append(Line(name="equal", x=ends, y=ends, colour=INK, dash="dotted"))
    row = found["times"]["response"]["by_request"]
    return Plot(
        name="response-scatter",
        title="Response time of each request",
        caption=(
            f"Points on the dotted line are predicted exactly; the mean error is "
            f"{share_of(row['mape'])} of the measured time."
        ),
        panels=(
            Panel(series=tuple(series), y_label="predicted, seconds", y_range=(0, top * 1.03)),
        ),
        x_label="measured, seconds",
        x_range=(0.0, top * 1.03),
    )


def response_course(found: dict[str, Any]) -> Plot:
    """Draw both over the run."""
    rows = found["requests"]
    arrival = np.array(rows["arrival_s"])
    dashes: dict[str, tuple[str, Dash]] = {
        "measured": (_MEASURED, "solid"),
        "predicted": (_PREDICTED, "dashed"),
    }
    series = tuple(
        Line(name=name, x=arrival, y=np.array(rows[f"response_{name}_s"]), colour=colour, dash=dash)
        for name, (colour, dash) in dashes.items()
    )
    return Plot(
        name="response-course",
        title="Response time over the run",
        caption="Where the two part, the queue does: a stage that drifts shows as a growing gap.",
        panels=(Panel(series=series, y_label="response, seconds"),),
        x_label="arrival, seconds",
        x_range=(0.0, float(arrival.max()) * 1.01),
    )
