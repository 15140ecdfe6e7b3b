"""The compiled engine reads a band's edge as the policies do: a similarity that just reaches it."""

import math

import numpy as np
import pytest
from parity.test_compiled_twin import assert_equal, run_both, scenario

from chorus_sim.experiment import Prepared, prepare
from chorus_traces.request import Request
from chorus_traces.trace import Trace

QUANTUM = 1e-4


def prepared(policy: str, edges: tuple[float, ...]) -> Prepared:
    """Return pairs, each of a tenant: a request, and one a quantum below, at, or above an edge."""
    alike = [edge + step * QUANTUM for edge in edges for step in (-1, 0, 1)]
    requests, rows = [], []
    for turn in range(2):
        for number, similarity in enumerate(alike):
            requests.append(
                Request(
                    id=f"{number}-{turn}",
                    arrival_s=1e4 * turn + number,
                    prompt="a fox",
                    tenant=str(number),
                )
            )
            beside = math.sqrt(1 - similarity**2)
            rows.append((similarity, beside) if turn else (1.0, 0.0))
    trace = Trace(name="edges", requests=tuple(requests)).with_embeddings(np.array(rows), "drawn")
    return prepare(scenario(policy, "1TiB", 64, "simpy"), trace)


@pytest.mark.parametrize(
    ("policy", "edges", "k1"),
    [
        # Of 50 steps; below the lowest edge there is no donor.
        ("lru", (0.7, 0.8, 0.9, 0.95), [0, 5, 5, 5, 10, 10, 10, 15, 15, 15, 20, 20]),
        # An eighth of the steps at the edge, more above it.
        ("vllm-omni", (0.75,), [0, 6, 6]),
    ],
)
def test_a_similarity_that_just_reaches_a_band_is_in_it(policy, edges, k1):
    slow, fast = run_both(prepared(policy, edges))
    assert_equal(slow, fast)
    found = slow.served.plan[len(k1) :]
    assert [getattr(plan, "k1", 0) for plan in found] == k1
