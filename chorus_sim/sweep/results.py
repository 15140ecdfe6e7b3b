"""The result set: one Parquet file with a row per point, and the CPU times beside it.

``results.parquet`` depends on the points alone: rows are in the order of the grid, and equal
points give equal bytes whoever computed them in whatever order. ``timings.parquet`` does not.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chorus_sim.sweep.finished import Finished
from chorus_sim.sweep.grid import Axis
from chorus_sim.sweep.metrics import COLUMNS
from chorus_sim.sweep.point import Point
from chorus_traces.atomic import replacing


def write_results(
    folder: Path, axes: tuple[Axis, ...], points: list[Point], finished: list[Finished]
) -> pa.Table:
    """Write both files and return the result set.

    ``finished`` holds the numbers of ``points``, in the same order.
    """
    columns: dict[str, Any] = {"point": [one.point for one in finished]}
    for number, axis in enumerate(axes):
        columns[axis.field] = _column([point.values[number] for point in points])
    for name, kind in COLUMNS.items():
        columns[name] = pa.array([one.row[name] for one in finished], kind)
    table = pa.table(columns)
    _write(table, folder / "results.parquet")
    times = {"point": columns["point"], "cpu_s": [one.cpu_s for one in finished]}
    _write(pa.table(times), folder / "timings.parquet")
    return table


def _column(values: list[Any]) -> pa.Array:
    """Return an axis as a column: of numbers where all are, else of texts."""
    if len({type(value) for value in values}) == 1 and isinstance(values[0], int | float | str):
        return pa.array(values)
    if all(isinstance(value, int | float) for value in values):
        return pa.array([float(value) for value in values])
    return pa.array([str(value) for value in values])


def _write(table: pa.Table, path: Path) -> None:
    with replacing(path) as stream:
        pq.write_table(table, stream, compression="zstd")
