"""The fleet that nobody sized: the busiest hour is loaded to 80 %."""

import numpy as np
import pytest
from queueing import plain_workload

from chorus_sim.fleet import auto_gpus
from chorus_traces.errors import ScenarioError


def test_the_busiest_hour_decides() -> None:
    """Ten requests of 1,440 s in the first hour are 4 GPUs of work: at 80 % five GPUs."""
    arrivals = np.concatenate((np.linspace(0, 3599, 10), [5000.0, 9000.0]))
    assert auto_gpus(plain_workload(arrivals, np.full(12, 1440.0))) == 5
    # A little more does not fit in five.
    assert auto_gpus(plain_workload(arrivals, np.full(12, 1441.0))) == 6


def test_a_trace_of_less_than_an_hour_is_its_own_window() -> None:
    arrivals = np.linspace(0, 600, 7)
    # Six start within the 600 s: the last one is in a window of its own.
    assert auto_gpus(plain_workload(arrivals, np.full(7, 160.0))) == 2
    assert auto_gpus(plain_workload(arrivals, np.full(7, 161.0))) == 3


@pytest.mark.parametrize("requests", [1, 3])
def test_requests_of_one_instant_have_one_gpu(requests) -> None:
    assert auto_gpus(plain_workload(np.zeros(requests), np.full(requests, 99.0))) == 1


def test_a_hardly_loaded_fleet_has_one_gpu() -> None:
    assert auto_gpus(plain_workload(np.array([0.0, 7200.0]), np.full(2, 1.0))) == 1


def test_a_fleet_beyond_the_limit_is_refused_with_its_numbers() -> None:
    arrivals = np.array([0.0, 3600.0])
    assert auto_gpus(plain_workload(arrivals, np.array([0.8 * 3600 * 100_000, 1.0]))) == 100_000
    work = plain_workload(arrivals, np.array([0.8 * 3600 * 200_000, 1.0]))
    with pytest.raises(ScenarioError, match=r"160,000 GPU-hours .* 200,000 GPUs; at most 100,000"):
        auto_gpus(work)
