"""Ids no other replay uses: a server takes each id once, however often a trace is sent."""

import secrets
from dataclasses import replace

import msgspec

from chorus_traces.read import row_id
from chorus_traces.trace import Trace


def with_own_ids(trace: Trace, *, every: bool) -> Trace:
    """Return ``trace`` with a mark of its own after the ids that are only row numbers.

    The reader makes those where a trace states no id. With ``every`` stated ids are marked too.
    """
    mark = secrets.token_hex(4)
    requests = tuple(
        msgspec.structs.replace(one, id=f"{one.id}-{mark}")
        if every or one.id == row_id(row)
        else one
        for row, one in enumerate(trace.requests, 1)
    )
    return replace(trace, requests=requests)
