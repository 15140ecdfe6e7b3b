"""Preload: fill the cache by a first part of the workload, then serve the rest.

A preloaded request is served elsewhere, at once when it arrives: it takes no worker and waits for
nobody. It asks the cache and stores its result when it is finished, as any other. What is not yet
finished when the window begins is stored at that instant.
"""

import copy
import dataclasses
import heapq

import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_sim.judge import Judge
from chorus_sim.model import Model
from chorus_sim.price import PriceList
from chorus_sim.served import Served, Service
from chorus_sim.workload import Workload

_UNCACHED = Fresh(reason="no cache")


def serve(
    workload: Workload,
    gpus: int,
    cache: Cache | None,
    preloaded: int,
    judge: Judge | None = None,
) -> Served:
    """Serve a workload whose first ``preloaded`` requests only fill the cache, judged by nobody."""
    if not preloaded:
        return Model(workload, gpus, cache, judge).run()
    before = _fill(workload, cache, preloaded)
    after = Model(window_of(workload, preloaded), gpus, cache, judge).run()
    return _joined(before, after)


def window_of(workload: Workload, first: int) -> Workload:
    """Return the workload from request ``first`` on; its queries keep their numbers."""
    rows = [field.name for field in dataclasses.fields(workload) if field.name != "profiles"]
    return dataclasses.replace(workload, **{name: getattr(workload, name)[first:] for name in rows})


def _fill(workload: Workload, cache: Cache | None, preloaded: int) -> Served:
    prices = PriceList(workload, cache)
    cached = np.zeros(len(workload)) if cache is None else workload.embed + workload.lookup
    computed = workload.before_s(cached) + workload.vae_decode + workload.video_encode
    arrivals = workload.arrivals.tolist()
    running: list[tuple[float, int, Plan, float]] = []
    services = []
    for place in range(preloaded):
        now = arrivals[place]
        _finish(workload, cache, running, now)
        plan: Plan = _UNCACHED if cache is None else cache.lookup(workload.queries[place], now)
        price = prices.of(plan, place)
        load_s = price.load_s(cache, plan)
        spread, region = float(workload.spread[place]), float(workload.region[place])
        denoise_s = 0.0 if type(plan) is Copy else price.denoising_s(spread, region)
        around = cached if type(plan) is Copy else computed
        service_s = float(around[place]) + load_s + denoise_s
        services.append(
            Service(place, now, now + service_s, 0.0, -1, plan, load_s, denoise_s, price)
        )
        heapq.heappush(running, (now + service_s, place, plan, service_s))
    last = arrivals[preloaded - 1]
    for _, place, plan, service_s in sorted(running):
        begins = arrivals[preloaded] if preloaded < len(arrivals) else last
        _store(workload, cache, (begins, place, plan, service_s))
    return Served(arrivals[:preloaded], services)


def _finish(
    workload: Workload,
    cache: Cache | None,
    running: list[tuple[float, int, Plan, float]],
    now: float,
) -> None:
    while running and running[0][0] <= now:
        _store(workload, cache, heapq.heappop(running))


def _store(workload: Workload, cache: Cache | None, done: tuple[float, int, Plan, float]) -> None:
    if cache is None:
        return
    instant, place, plan, service_s = done
    if not isinstance(plan, Fresh):
        cache.release(plan.donor, instant)
    if not isinstance(plan, Copy):
        cache.store(workload.queries[place], plan, service_s, instant)


def _joined(first: Served, second: Served) -> Served:
    """Return the columns of ``first`` with those of ``second`` below them."""
    joined = copy.copy(first)
    for name, column in vars(second).items():
        setattr(joined, name, getattr(first, name) + column)
    return joined
