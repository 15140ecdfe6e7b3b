"""How many GPUs a trace needs without a cache, when nobody says how many there are."""

import math

import numpy as np

from chorus_sim.scenario import MOST_GPUS
from chorus_sim.workload import Workload
from chorus_traces.errors import ScenarioError

#: Share of the busiest hour the fleet is busy. A higher one takes fewer GPUs and longer queues.
BUSIEST_HOUR_UTILISATION = 0.8


def auto_gpus(workload: Workload) -> int:
    """Return the fewest GPUs the busiest hour loads to at most 80 % without a cache.

    Raises ``ScenarioError`` where that is more than a fleet can have.
    """
    span = float(workload.arrivals[-1] - workload.arrivals[0])
    window = min(3600.0, span)
    if window <= 0:
        return 1
    hour = ((workload.arrivals - workload.arrivals[0]) // window).astype(np.int64)
    busiest = np.bincount(hour, weights=workload.uncached_service_s()).max()
    gpus = max(1, math.ceil(float(busiest) / window / BUSIEST_HOUR_UTILISATION))
    if gpus > MOST_GPUS:
        raise ScenarioError(
            f"fleet.gpus is auto: the busiest hour brings {float(busiest) / 3600:,.0f} GPU-hours "
            f"of work in {window:g} s, {gpus:,} GPUs; at most {MOST_GPUS:,} are simulated (check "
            "the trace's instants and steps, or set --gpus)"
        )
    return gpus
