"""What holds in every run: requests are conserved, order is kept, Little's law is exact."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from queueing import plain_workload

from chorus_sim.model import Model

times = st.floats(min_value=0, max_value=100, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(times, min_size=1, max_size=60),
    service=st.lists(times, min_size=60, max_size=60),
    gpus=st.integers(1, 6),
)
def test_requests_are_conserved_served_in_order_and_obey_littles_law(gaps, service, gpus):
    arrivals = np.cumsum(gaps)
    held = np.array(service[: len(gaps)])
    served = Model(plain_workload(arrivals, held), gpus, None).run()
    arrival, start = np.array(served.arrival), np.array(served.start)
    finish = np.array(served.finish)
    np.testing.assert_allclose(arrival, arrivals, rtol=1e-12)
    np.testing.assert_allclose(finish - start, held, atol=1e-9)
    assert np.all(start >= arrival)
    assert np.all(np.diff(start) >= 0)
    assert set(served.worker) <= set(range(gpus))
    for worker in set(served.worker):
        mine = np.flatnonzero(np.array(served.worker) == worker)
        assert np.all(start[mine][1:] >= finish[mine][:-1] - 1e-9)
    # Little: the time integral of the number in the system equals the sum of response times.
    instants = np.sort(np.concatenate([arrival, finish]))
    present = np.searchsorted(np.sort(arrival), instants, side="right") - np.searchsorted(
        np.sort(finish), instants, side="right"
    )
    integral = float((present[:-1] * np.diff(instants)).sum())
    assert np.isclose(integral, (finish - arrival).sum(), rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(gaps=st.lists(times, min_size=2, max_size=40), gpus=st.integers(1, 4))
def test_no_gpu_idles_while_a_request_waits(gaps, gpus):
    arrivals = np.cumsum(gaps)
    served = Model(plain_workload(arrivals, np.full(len(gaps), 7.0)), gpus, None).run()
    start, finish = np.array(served.start), np.array(served.finish)
    for place in np.flatnonzero(start > np.array(served.arrival) + 1e-9):
        busy = np.sum(
            (start[:place] < start[place] - 1e-9) & (finish[:place] > start[place] - 1e-6)
        )
        freed = np.any(np.abs(finish[:place] - start[place]) < 1e-6)
        assert freed
        assert busy >= 1
