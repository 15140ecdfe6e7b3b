"""The model: arrivals, one queue, GPU workers and the cache, on SimPy's clock.

A request waits first come, first served. A worker asks the cache when it starts a request, holds
its GPU for every stage in turn, answers when the video is encoded, then stores the latents; only
then can others find them, unless the policy shares runs in flight. A request identical to a
finished one is answered on arrival and needs no worker; one identical to a run in flight waits for
that run and copies it.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from chorus_policies.cache import Cache
from chorus_policies.entry import Query
from chorus_policies.flights import Flights
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_sim.judge import Critic
from chorus_sim.price import PriceList
from chorus_sim.served import Served, Service
from chorus_sim.stopped import StoppedError
from chorus_sim.workload import Workload
from chorus_traces.errors import PolicyError

_UNCACHED = Fresh(reason="no cache")

Process = Generator[simpy.Event, Any, None]


class Model:
    """One run: a workload, a number of GPUs, and a cache or ``None``.

    ``critic`` tells the cache what results were worth; it sees one when its worker is free again.
    """

    def __init__(
        self, workload: Workload, gpus: int, cache: Cache | None, critic: Critic | None = None
    ) -> None:
        self._env = simpy.Environment()
        self._workload = workload
        self._cache = cache
        self._critic = critic
        self._flights: Flights[int] = Flights()
        self._queue: deque[int] = deque()
        self._idle: list[simpy.Event] = []
        self._arrivals = workload.arrivals.tolist()
        self._queries = workload.queries
        self._prices = PriceList(workload, cache)
        cached = np.zeros(len(workload)) if cache is None else workload.embed + workload.lookup
        self._before: list[float] = workload.before_s(cached).tolist()
        self._copying: list[float] = cached.tolist()
        self._after: list[float] = (workload.vae_decode + workload.video_encode).tolist()
        self._spread: list[float] = workload.spread.tolist()
        self._region: list[float] = workload.region.tolist()
        self._arrived: list[float] = []
        self._services: list[Service] = []
        for worker in range(gpus):
            self._env.process(self._worker(worker))
        self._env.process(self._source())

    def run(self) -> Served:
        """Serve every request and return what happened to each.

        Raises ``EngineError`` if a request was not served exactly once, and ``StoppedError`` with
        what was served so far when the policy breaks its contract.
        """
        try:
            self._env.run()
        except PolicyError as error:
            raise StoppedError(str(error), self._services, self._workload) from error
        return Served(self._arrived, self._services)

    def _source(self) -> Process:
        """Bring requests in at their instants; wake a worker for each that has to wait."""
        env, queries = self._env, self._queries
        for place, arrival in enumerate(self._arrivals):
            if arrival > env.now:
                yield env.timeout(arrival - env.now)
            self._arrived.append(env.now)
            if queries[place].identity is not None and (
                self._copied(place) or self._flights.join(queries[place], place)
            ):
                continue
            self._queue.append(place)
            if self._idle:
                self._idle.pop().succeed()

    def _worker(self, worker: int) -> Process:
        """Serve requests one after another for as long as there are any."""
        env, queue, cache, serve = self._env, self._queue, self._cache, self._services.append
        while True:
            while not queue:
                wake = env.event()
                self._idle.append(wake)
                yield wake
            place = queue.popleft()
            query = self._queries[place]
            if query.identity is not None and self._flights.join(query, place):
                continue
            start = env.now
            if self._critic is not None and cache is not None:
                self._critic.asked(cache, start)
            plan: Plan = _UNCACHED if cache is None else cache.lookup(query, start)
            if type(plan) is Copy:
                yield env.timeout(self._answer_copy(place, plan, worker))
                self._release(plan)
                continue
            leads = cache is not None and self._flights.begin(query, plan)
            price = self._prices.of(plan, place)
            load_s = price.load_s(cache, plan)
            denoise_s = price.denoising_s(self._spread[place], self._region[place])
            service_s = self._before[place] + load_s + denoise_s + self._after[place]
            held_s = service_s + price.store_s
            serve(
                Service(
                    place, start, start + service_s, held_s, worker, plan, load_s, denoise_s, price
                )
            )
            if cache is None:
                yield env.timeout(held_s)
                continue
            step = cache.publish_step(query, plan)
            if step is not None:
                later_s = price.full_step_s * (query.steps - step) * self._spread[place]
                later_s += self._after[place] + price.store_s
                yield env.timeout(held_s - later_s)
                cache.publish(query, plan, service_s, env.now)
                held_s = later_s
            yield env.timeout(held_s)
            self._release(plan)
            cache.store(query, plan, service_s, env.now)
            if self._critic is not None:
                self._critic.finished(cache, query, plan, env.now)
            if leads:
                self._land(query)

    def _copied(self, place: int) -> bool:
        """Answer a request with the result of an identical one; tell whether there is one."""
        cache, now = self._cache, self._env.now
        copy = None if cache is None else cache.find_copy(self._queries[place], now)
        if copy is None or cache is None:
            return False
        self._answer_copy(place, copy, worker=-1)
        cache.release(copy.donor, now)
        return True

    def _land(self, query: Query) -> None:
        """Answer who waited for this run; where it was not kept they queue, as the next to go."""
        left = [place for place in self._flights.end(query) if not self._copied(place)]
        self._queue.extendleft(reversed(left))
        for _ in left[: len(self._idle)]:
            self._idle.pop().succeed()

    def _release(self, plan: Plan) -> None:
        if self._cache is not None and not isinstance(plan, Fresh):
            self._cache.release(plan.donor, self._env.now)

    def _answer_copy(self, place: int, plan: Copy, worker: int) -> float:
        """Record a copy and return its service time: lookup and reading the stored result."""
        price = self._prices.of(plan, place)
        load_s = price.load_s(self._cache, plan)
        service_s = self._copying[place] + load_s
        start = self._env.now
        held_s = 0.0 if worker < 0 else service_s
        self._services.append(
            Service(place, start, start + service_s, held_s, worker, plan, load_s, 0.0, price)
        )
        return service_s
