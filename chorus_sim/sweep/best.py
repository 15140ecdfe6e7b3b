"""The best points of a result set, for a first look."""

from typing import Any

import pyarrow as pa

#: What is looked for: column, and whether more of it is better.
AIMS = {"net_value_usd": "descending", "response_time_s.p95": "ascending"}


def best_points(table: pa.Table, aim: str, count: int) -> list[dict[str, Any]]:
    """Return the rows that are best by the column ``aim``, the best first, ties in grid order."""
    places = pa.array(range(table.num_rows))
    keyed = table.append_column("place", places)
    ordered = keyed.sort_by([(aim, AIMS[aim]), ("place", "ascending")])
    rows: list[dict[str, Any]] = ordered.slice(0, count).drop_columns("place").to_pylist()
    return rows
