"""Heat map: one number over the first two numeric fields of the grid."""

import numpy as np

from chorus_reports.finished_run import FloatArray
from chorus_reports.finished_sweep import CAPACITY, FinishedSweep, short
from chorus_reports.plot import Heat, Panel, Plot
from chorus_reports.quantities import size


def numeric_fields(sweep: FinishedSweep) -> tuple[str, ...]:
    """Return the varying fields whose values are numbers."""
    return tuple(field for field in sweep.fields if sweep.numbers(field) is not None)


def heat_map(sweep: FinishedSweep, metric: str, title: str, unit: str, factor: float) -> Plot:
    """Draw ``metric`` times ``factor`` over two fields, the median over all others.

    Raises ``ValueError`` where fewer than two numeric fields vary.
    """
    across, up, *_ = numeric_fields(sweep)
    columns, rows = _values(sweep, across), _values(sweep, up)
    of_column, of_row = sweep.numbers(across), sweep.numbers(up)
    cells = np.full((len(rows), len(columns)), np.nan)
    for row, one in enumerate(rows):
        for column, other in enumerate(columns):
            chosen = (of_row == one) & (of_column == other)
            if chosen.any():
                cells[row, column] = float(np.median(sweep.metrics[metric][chosen])) * factor
    rest = [field for field in sweep.fields if field not in (across, up)]
    over = f"; each cell is the median over {' and '.join(rest)}" if rest else ""
    low, high = float(np.nanmin(cells)), float(np.nanmax(cells))
    return Plot(
        name=f"heat-{metric.replace('.', '-').replace('_', '-')}",
        title=f"{title} by {short(across)} and {short(up)}",
        caption=f"From {low:,.4g} to {high:,.4g} {unit}{over}.",
        panels=(
            Panel(
                series=(
                    Heat(
                        name=unit,
                        columns=tuple(_text(across, one) for one in columns),
                        rows=tuple(_text(up, one) for one in rows),
                        values=cells,
                        texts=tuple(tuple(_cell(cell) for cell in line) for line in cells),
                    ),
                ),
                y_label=short(up),
            ),
        ),
        x_label=short(across),
    )


def _values(sweep: FinishedSweep, field: str) -> FloatArray:
    numbers = sweep.numbers(field)
    if numbers is None:
        raise ValueError(f"{field} does not hold numbers alone")
    return np.unique(numbers)


def _text(field: str, value: float) -> str:
    return size(value) if field == CAPACITY else f"{value:g}"


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:,.3g}"
