"""Write a trace."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from chorus_traces import values
from chorus_traces.atomic import replacing
from chorus_traces.errors import TraceError
from chorus_traces.parse import CONVERSIONS
from chorus_traces.request import REQUEST_FIELDS, Request
from chorus_traces.rows import Row, split_name
from chorus_traces.sidecar import write_beside
from chorus_traces.trace import Trace

#: A checked request: the fields it states, and its extra.
_Row = tuple[Row, dict[str, Any]]


def write_trace(trace: Trace, path: Path) -> None:
    """Write the requests in the format and compression of ``path``'s name.

    The file appears complete or not at all. Reading it gives equal requests: JSON lines hold
    unknown fields as they are; CSV and Parquet hold them as one JSON object in a column ``extra``,
    so that their types survive. Embeddings go to ``STEM.embeddings.npy`` as float16; a trace
    without them removes what lies there. Equal traces give equal files, compressed or not.

    Raises ``TraceError`` on a request no reader would take back, and on a folder that is absent or
    cannot be written.
    """
    _, kind, compression = split_name(path)
    rows = [_checked(request, trace.name) for request in trace.requests]
    if len({request.id for request in trace.requests}) != len(rows):
        raise TraceError(f"{trace.name}: an id is used twice; unique ids are needed")
    with replacing(path) as raw:
        if kind == ".parquet":
            _write_parquet(rows, raw)
        else:
            with _compressed(raw, compression) as stream:
                (_write_json if kind == ".jsonl" else _write_csv)(rows, stream)
    write_beside(trace, path)


def _checked(request: Request, trace_name: str) -> _Row:
    """Return what a request states, checked as the reader checks it."""
    stated = {name: getattr(request, name) for name in REQUEST_FIELDS}
    stated = {name: value for name, value in stated.items() if value is not None}
    try:
        values.text("prompt", request.prompt)
        for name, convert in CONVERSIONS.items():
            if name in stated and name != "prompt":
                convert(name, stated[name])
        _check_extra(request.extra)
        msgspec.json.encode(request)
    except UnicodeEncodeError:
        raise TraceError(
            f"{trace_name}: request {request.id!r}: holds half a surrogate pair; "
            "Unicode text is needed"
        ) from None
    except TraceError as error:
        raise TraceError(f"{trace_name}: request {request.id!r}: {error}") from None
    return stated, request.extra


def _check_extra(extra: dict[str, Any]) -> None:
    for name, value in extra.items():
        if name in REQUEST_FIELDS or name == "embedding":
            raise TraceError(f"extra field {name!r} has the name of a known field (rename it)")
        values.plain(name, value)


def _write_json(rows: list[_Row], stream: IO[bytes]) -> None:
    encode = msgspec.json.Encoder().encode
    for stated, extra in rows:
        stream.write(encode({**stated, **extra}) + b"\n")


def _write_csv(rows: list[_Row], stream: IO[bytes]) -> None:
    """Write CSV as in RFC 4180; a text that is stated but empty goes to ``extra`` too."""
    folded = [
        _folded({**{name: "" for name, value in stated.items() if value == ""}, **extra})
        for stated, extra in rows
    ]
    columns = _columns(rows)
    header = [*columns, "extra"] if any(folded) else columns
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(header)
    for (stated, _), cell in zip(rows, folded, strict=True):
        if len(cell or "") > csv.field_size_limit():
            raise TraceError(
                f"request {stated['id']!r}: extra fields of {len(cell or '')} characters; a CSV "
                f"cell holds {csv.field_size_limit()} (write .jsonl or .parquet)"
            )
        cells = [stated.get(name) for name in columns]
        writer.writerow([*cells, cell] if len(header) > len(columns) else cells)
    text.detach()


def _write_parquet(rows: list[_Row], stream: IO[bytes]) -> None:
    arrays = {}
    for name in _columns(rows):
        cells = [stated.get(name) for stated, _ in rows]
        if CONVERSIONS.get(name) is values.whole:
            arrays[name] = _whole_column(cells)
        else:
            numeric = name == "arrival_s" or CONVERSIONS[name] is values.real
            arrays[name] = pa.array(cells, pa.float64() if numeric else pa.string())
    folded = [_folded(extra) for _, extra in rows]
    if any(folded):
        arrays["extra"] = pa.array(folded, pa.string())
    pq.write_table(pa.table(arrays), stream, compression="zstd")


def _whole_column(cells: list[int | None]) -> Any:
    """Return 64-bit integers, or text where one of them needs the sign bit (a large seed)."""
    if all(cell is None or cell < 2**63 for cell in cells):
        return pa.array(cells, pa.int64())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _columns(rows: list[_Row]) -> list[str]:
    used = {name for stated, _ in rows for name in stated}
    return [name for name in REQUEST_FIELDS if name in used]


def _folded(extra: dict[str, Any]) -> str | None:
    return msgspec.json.encode(extra).decode() if extra else None


@contextmanager
def _compressed(raw: IO[bytes], compression: str) -> Iterator[Any]:
    if compression == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield packed
    elif compression == ".zst":
        with zstandard.ZstdCompressor(level=10).stream_writer(raw, closefd=False) as packed:
            yield packed
    else:
        yield raw
