"""Arrivals of their own: instants from one file, prompts from another."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from chorus_traces import values
from chorus_traces.errors import TraceError
from chorus_traces.instants import Timestamps
from chorus_traces.rows import RowFile
from chorus_traces.trace import Trace

#: Columns that can hold the instants, best first.
_COLUMNS = ("arrival_s", "timestamp_s", "timestamp")


def with_arrivals(prompts: Trace, arrivals: Path) -> Trace:
    """Return ``prompts`` with the instants of an arrivals file, joined in order.

    The file is a trace file without prompts whose column ``arrival_s``, ``timestamp_s`` (both in
    seconds) or ``timestamp`` holds the instants; they are sorted and shifted so that the first is
    0. Instants beyond the last prompt are not used. Embeddings and all other fields are kept.

    Raises ``TraceError`` when there are fewer instants than prompts, or one cannot be read.
    """
    instants = sorted(_instants(RowFile(arrivals)))
    if len(instants) < len(prompts):
        raise TraceError(
            f"{arrivals}: {len(instants)} instants for {len(prompts)} requests of {prompts.name}; "
            "at least as many are needed (cut the requests or bring more instants)"
        )
    requests = tuple(
        msgspec.structs.replace(request, arrival_s=round(instant - instants[0], 6))
        for request, instant in zip(prompts.requests, instants, strict=False)
    )
    return replace(prompts, requests=requests)


def _instants(source: RowFile) -> Iterator[float]:
    timestamps = Timestamps()
    column = ""
    for number, row in source:
        column = column or next((name for name in _COLUMNS if name in row), "")
        if not column:
            raise TraceError(
                f"{source.where(number)}: no column of instants; one of {', '.join(_COLUMNS)} is "
                f"needed, seen: {', '.join(row)} (rename the column)"
            )
        try:
            value = row.get(column)
            if column == "timestamp" and value is not None:
                yield timestamps.seconds(value)
            else:
                yield values.real(column, value)
        except TraceError as error:
            raise TraceError(f"{source.where(number)}: {error}") from None
