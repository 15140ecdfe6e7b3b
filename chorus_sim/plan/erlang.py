"""Erlang C: what a queue with Poisson arrivals and exponential service times does, exactly.

Gross, Shortle, Thompson & Harris, Fundamentals of Queueing Theory, section 3.3. Loads are in
erlangs: arrival rate times mean service time.
"""

import math

from scipy import optimize


def wait_probability(servers: int, load: float) -> float:
    """Return the chance that a request waits (Erlang C); 1 where the load cannot be carried.

    Computed from Erlang B by its recursion, which neither overflows nor cancels.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))


def mean_wait_s(servers: int, load: float, service_s: float) -> float:
    """Return the mean waiting time; infinite where the load cannot be carried."""
    if load >= servers:
        return math.inf
    return wait_probability(servers, load) * service_s / (servers - load)


def share_within(servers: int, load: float, service_s: float, target_s: float) -> float:
    """Return the share of requests whose response time is at most ``target_s``.

    The response is service alone, or waiting (exponential with rate ``servers - load`` per mean
    service) and service, which are independent.
    """
    if load >= servers:
        return 0.0
    time = target_s / service_s
    waits = wait_probability(servers, load)
    spare = servers - load
    late = math.exp(-time)
    if math.isclose(spare, 1.0, rel_tol=1e-9):
        after_waiting = (1 + time) * late
    else:
        after_waiting = (spare * late - math.exp(-spare * time)) / (spare - 1)
    return 1 - ((1 - waits) * late + waits * after_waiting)


def percentile_s(servers: int, load: float, service_s: float, share: float) -> float:
    """Return the response time that ``share`` of requests do not exceed."""
    if load >= servers:
        return math.inf
    high = service_s
    while share_within(servers, load, service_s, high) < share:
        high *= 2
    return float(
        optimize.brentq(
            lambda time: share_within(servers, load, service_s, time) - share, 0.0, high
        )
    )
