"""What a server received, as a trace: instants on its clock, vectors its cache compared."""

import msgspec
import numpy as np

from chorus_sim.live.run import KEY_FIELD, LiveRun
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace


def received(run: LiveRun) -> Trace:
    """Return the accepted requests, the first at 0.

    A request that was never embedded (cancelled while it waited) takes the vector of an equal
    prompt, and is left out where there is none. Raises ``ScenarioError`` when nothing is left.
    """
    by_prompt = {}
    vectors = []
    for one in run.requests:
        vector = run.embedding_of(one)
        vectors.append(vector)
        if vector is not None:
            by_prompt[one.prompt] = vector
    rows = []
    for one, vector in zip(run.requests, vectors, strict=True):
        known = by_prompt.get(one.prompt) if vector is None else vector
        if known is not None:
            rows.append((one, known))
    if not rows:
        raise ScenarioError(f"{run.folder}: no request was embedded; there is no trace to write")
    origin = rows[0][0].arrival_s
    requests = tuple(
        msgspec.structs.replace(
            one,
            arrival_s=one.arrival_s - origin,
            extra={name: value for name, value in one.extra.items() if name != KEY_FIELD},
        )
        for one, _ in rows
    )
    trace = Trace(name=str(run.folder), requests=requests)
    return trace.with_embeddings(np.stack([vector for _, vector in rows]), run.facts.embedder)
