"""Change: apply what-ifs written as ``KIND`` or ``KIND=VALUE``, in the order they are written."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chorus_traces.errors import TraceError, unknown
from chorus_traces.trace import Trace
from chorus_traces.what_if.isolate import isolate
from chorus_traces.what_if.share import share
from chorus_traces.what_if.shuffle import shuffle
from chorus_traces.what_if.shuffle_sessions import shuffle_sessions

_PLAIN: dict[str, Callable[[Trace, np.random.Generator], Trace]] = {
    "shuffled": shuffle,
    "shuffled-sessions": shuffle_sessions,
}
_SHARES: dict[str, Callable[[Trace, float, np.random.Generator], Trace]] = {
    "private-prompts": isolate,
    "shared-prompts": share,
}


def parse_changes(text: str) -> list[tuple[str, float]]:
    """Return kinds and values of "shuffled-sessions,shared-prompts=0.2".

    A kind without a value has the value 1. Raises ``ValueError`` in one line on an unknown kind, a
    missing or needless value, or one that is no share.
    """
    changes = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, equals, value = (piece.strip() for piece in part.partition("="))
        if kind in _PLAIN:
            if equals:
                raise ValueError(f"what_if {part!r}: {kind} takes no value; write {kind}")
            changes.append((kind, 1.0))
        elif kind in _SHARES:
            changes.append((kind, _share(kind, value, part)))
        else:
            raise ValueError(unknown("what_if", kind, [*_PLAIN, *_SHARES]))
    return changes


def change(trace: Trace, changes: str, seed: int) -> Trace:
    """Return the trace with ``changes`` applied; equal seeds give equal traces.

    Each change draws from a stream of its own, so one does not move another. Embeddings follow
    their prompts. Raises ``ValueError`` as ``parse_changes`` does and ``TraceError`` where a change
    does not apply to the trace.
    """
    name = trace.name
    for kind, value in parse_changes(changes):
        stream = np.random.SeedSequence(seed, spawn_key=tuple(kind.encode()))
        generator = np.random.default_rng(stream)
        try:
            if kind in _PLAIN:
                trace = _PLAIN[kind](trace, generator)
            else:
                trace = _SHARES[kind](trace, value, generator)
        except TraceError as error:
            raise TraceError(f"{name}: what_if {kind}: {error}") from error
    return replace(trace, name=f"{name} ({changes})") if changes else trace


def _share(kind: str, value: str, part: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError(f"what_if {part!r}: a share from 0 to 1 is needed, like {kind}=0.2")
    return number
