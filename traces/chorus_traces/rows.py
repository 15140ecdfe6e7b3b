"""The rows of a trace file, one at a time, whatever its format."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from chorus_traces.errors import TraceError, unknown
from chorus_traces.lines import COMPRESSIONS, read_lines, readable

Row = dict[str, Any]

#: Endings a trace file can have.
FORMATS = (".csv", ".jsonl", ".parquet")

_BATCH_ROWS = 1024


def split_name(path: Path) -> tuple[str, str, str]:
    """Return (stem, format, compression) of a trace file's name; compression may be empty.

    Raises ``TraceError`` on an ending that no reader knows.
    """
    compression = path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
    bare = Path(path.name.removesuffix(path.suffix)) if compression else Path(path.name)
    suffix = bare.suffix.lower()
    if suffix not in FORMATS or (suffix == ".parquet" and compression):
        known = (*FORMATS, *(text + c for text in (".csv", ".jsonl") for c in COMPRESSIONS))
        raise TraceError(f"{path}: {unknown('trace format', suffix + compression, known)}")
    return bare.stem, suffix, compression


class RowFile:
    """A trace file as (number, row) pairs.

    Numbers are lines from 1 (the header of a CSV file is line 1, blank lines count) or, for
    Parquet, rows from 1. In the *tabular* formats (CSV, Parquet) every row has every column, and an
    empty cell is ``None``. Iterating raises ``TraceError`` at the first line that is not a row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = split_name(path)[1]
        self.tabular = self.format != ".jsonl"

    def where(self, number: int) -> str:
        """Return the place of a row as it opens an error message."""
        return (
            f"{self.path}: row {number}" if self.format == ".parquet" else f"{self.path}:{number}"
        )

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        if self.format == ".jsonl":
            return self._json_rows()
        if self.format == ".csv":
            return self._csv_rows()
        return self._parquet_rows()

    def _json_rows(self) -> Iterator[tuple[int, Row]]:
        decode = msgspec.json.Decoder().decode
        for number, line in read_lines(self.path):
            if line.isspace():
                continue
            try:
                row = decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                raise TraceError(
                    f"{self.where(number)}: not JSON ({error}); one object per line is needed "
                    "(repair or remove the line)"
                ) from None
            if not isinstance(row, dict):
                raise TraceError(
                    f"{self.where(number)}: the line is a JSON {type(row).__name__}; "
                    'an object like {"arrival_s": 0, "prompt": "a cat"} is needed'
                )
            yield number, row

    def _csv_rows(self) -> Iterator[tuple[int, Row]]:
        reader = csv.reader((text for _, text in read_lines(self.path)), strict=True)
        columns: list[str] | None = None
        start = 1
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise TraceError(
                    f"{self.where(start)}: not CSV ({error}); commas between cells and "
                    'quotes doubled inside quotes are needed ("say ""hi""")'
                ) from None
            if cells is None:
                return
            if not cells:
                continue
            if columns is None:
                columns = self._named(cells)
                continue
            if len(cells) != len(columns):
                raise TraceError(
                    f"{self.where(start)}: {len(cells)} cells; the header has {len(columns)} "
                    "(quote cells that hold commas)"
                )
            yield start, {name: cell or None for name, cell in zip(columns, cells, strict=True)}

    def _parquet_rows(self) -> Iterator[tuple[int, Row]]:
        number = 0
        try:
            with readable(self.path), pq.ParquetFile(self.path) as file:
                self._named(file.schema_arrow.names)
                for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                    for row in _in_microseconds(batch).to_pylist():
                        number += 1
                        yield number, row
        except (pa.ArrowException, ValueError, OverflowError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TraceError(
                f"{self.path}: not a readable Parquet file ({reason}); "
                "a complete file is needed (write or download it again)"
            ) from None

    def _named(self, columns: list[str]) -> list[str]:
        """Return the column names; one without a name (an index that was saved) gets one."""
        names = [name.strip() or f"column_{place}" for place, name in enumerate(columns, 1)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise TraceError(
                f"{self.path}: column {twice!r} appears twice; unique names are needed (rename one)"
            )
        return names


def _in_microseconds(batch: Any) -> Any:
    """Bring instants in nanoseconds to microseconds, the finest Python's datetime can hold."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
