"""Mean waiting times against exact queueing formulas (Gross & Harris, chapters 2 and 5)."""

import math

import numpy as np
import pytest
from queueing import exponential_service, plain_workload, poisson_arrivals

from chorus_sim.model import Model
from chorus_sim.statistics import replication_interval

REQUESTS, WARM_UP, REPLICATIONS = 12_000, 2_000, 20


def erlang_c_wait(servers: int, load: float) -> float:
    """Mean waiting time of M/M/c at service rate 1 and offered load ``load`` erlangs."""
    terms = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (terms + last) / (servers - load)


def mean_waits(servers: int, utilisation: float, *, fixed_service: bool) -> np.ndarray:
    means = []
    for seed in range(REPLICATIONS):
        arrivals = poisson_arrivals(servers * utilisation, REQUESTS, seed)
        service = np.ones(REQUESTS)
        if not fixed_service:
            service = exponential_service(1.0, REQUESTS, seed)
        served = Model(plain_workload(arrivals, service), servers, None).run()
        waits = np.array(served.start) - np.array(served.arrival)
        means.append(waits[WARM_UP:].mean())
    return np.array(means)


@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.7), (4, 0.8), (16, 0.85)])
def test_mm_c_waits_as_erlang_c_says(servers, utilisation):
    low, high = replication_interval(
        mean_waits(servers, utilisation, fixed_service=False), confidence=0.99
    )
    assert low <= erlang_c_wait(servers, servers * utilisation) <= high
    assert high - low < 0.5 * (low + high) / 2


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_md_1_waits_as_pollaczek_khinchine_says(utilisation):
    low, high = replication_interval(
        mean_waits(1, utilisation, fixed_service=True), confidence=0.99
    )
    assert low <= utilisation / (2 * (1 - utilisation)) <= high
    assert high - low < 0.5 * (low + high) / 2


@pytest.mark.parametrize(("servers", "gap", "waits"), [(3, 0.34, False), (3, 0.30, True)])
def test_dd_c_waits_exactly_when_overloaded(servers, gap, waits):
    requests = 1_000
    arrivals = np.arange(requests) * gap
    served = Model(plain_workload(arrivals, np.ones(requests)), servers, None).run()
    place = np.arange(requests)
    # Every c-th request waits for the one c places before it: start = max(arrival, start' + 1).
    expected = np.maximum(place * gap, (place // servers) + (place % servers) * gap)
    np.testing.assert_allclose(served.start, expected if waits else arrivals, atol=1e-8)
