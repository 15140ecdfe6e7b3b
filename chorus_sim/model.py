"""The model: arrivals, one queue, GPU workers and the cache, on SimPy's clock.

A request waits first come, first served. A worker asks the cache when it starts a request, holds
its GPU for every stage in turn, answers when the video is encoded, then stores the latents; only
then can others find them. A request identical to a finished one is answered on arrival and needs
no worker.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from chorus_policies.cache import Cache
from chorus_policies.costs.profile import Profile, TierRate
from chorus_policies.costs.work import work_of
from chorus_policies.entry import Query
from chorus_policies.plan import Copy, Fresh, Plan, Regional
from chorus_sim.served import Served
from chorus_sim.workload import Workload

_UNCACHED = Fresh(reason="no cache")

Process = Generator[simpy.Event, Any, None]


class Model:
    """One run: a workload, a number of GPUs, and a cache or ``None``."""

    def __init__(self, workload: Workload, gpus: int, cache: Cache | None) -> None:
        self._env = simpy.Environment()
        self._cache = cache
        self._queue: deque[int] = deque()
        self._idle: list[simpy.Event] = []
        self._arrivals = workload.arrivals.tolist()
        self._queries = workload.queries
        self._profiles = [workload.profiles[place] for place in workload.profile_of]
        cached = 0.0 if cache is None else workload.embed + workload.lookup
        self._before = np.asarray(workload.text_encode + cached).tolist()
        self._copying: list[float] = np.broadcast_to(cached, workload.arrivals.shape).tolist()
        self._after = (workload.vae_decode + workload.video_encode).tolist()
        self._spread = workload.spread.tolist()
        self._steps_s: dict[tuple[object, ...], float] = {}
        self.served = Served(len(workload))
        for worker in range(gpus):
            self._env.process(self._worker(worker))
        self._env.process(self._source())

    def run(self) -> Served:
        """Serve every request and return what happened to each."""
        self._env.run()
        return self.served

    def _source(self) -> Process:
        """Bring requests in at their instants; wake a worker for each that has to wait."""
        env, cache, queries = self._env, self._cache, self._queries
        for place, arrival in enumerate(self._arrivals):
            if arrival > env.now:
                yield env.timeout(arrival - env.now)
            self.served.arrival[place] = env.now
            if cache is not None and queries[place].identity is not None:
                copy = cache.find_copy(queries[place], env.now)
                if copy is not None:
                    self._answer_copy(place, copy, worker=-1)
                    cache.release(copy.donor, env.now)
                    continue
            self._queue.append(place)
            if self._idle:
                self._idle.pop().succeed()

    def _worker(self, worker: int) -> Process:
        """Serve requests one after another for as long as there are any."""
        env, queue, cache, served = self._env, self._queue, self._cache, self.served
        while True:
            while not queue:
                wake = env.event()
                self._idle.append(wake)
                yield wake
            place = queue.popleft()
            query = self._queries[place]
            start = env.now
            plan = _UNCACHED if cache is None else cache.lookup(query, start)
            if isinstance(plan, Copy):
                yield env.timeout(self._answer_copy(place, plan, worker))
                self._release(plan)
                continue
            profile = self._profiles[place]
            load_s, load_bytes = self._load(plan, query, profile)
            denoise_s = self._denoise(plan, query, profile) * self._spread[place]
            service_s = self._before[place] + load_s + denoise_s + self._after[place]
            store_bytes, store_s = self._store_time(plan, query, profile)
            served.set(
                place,
                start=start,
                finish=start + service_s,
                held=service_s + store_s,
                worker=worker,
                plan=plan,
                load_s=load_s,
                denoise_s=denoise_s,
                store_s=store_s,
                load_bytes=load_bytes,
                store_bytes=store_bytes,
            )
            yield env.timeout(service_s + store_s)
            if cache is not None:
                self._release(plan)
                cache.store(query, plan, service_s, env.now)

    def _release(self, plan: Plan) -> None:
        if self._cache is not None and not isinstance(plan, Fresh):
            self._cache.release(plan.donor, self._env.now)

    def _answer_copy(self, place: int, plan: Copy, worker: int) -> float:
        """Record a copy and return its service time: lookup and reading the stored result."""
        query, profile = self._queries[place], self._profiles[place]
        load_s = self._transfer_s(plan.donor, query.result_bytes, profile)
        service_s = self._copying[place] + load_s
        self.served.set(
            place,
            start=self._env.now,
            finish=self._env.now + service_s,
            held=service_s if worker >= 0 else 0.0,
            worker=worker,
            plan=plan,
            load_s=load_s,
            denoise_s=0.0,
            store_s=0.0,
            load_bytes=query.result_bytes,
            store_bytes=0,
        )
        return service_s

    def _load(self, plan: Plan, query: Query, profile: Profile) -> tuple[float, int]:
        """Return seconds and bytes of reading the donor's latents."""
        if isinstance(plan, Fresh | Copy):
            return 0.0, 0
        latents = work_of(plan, query.steps, profile.srd_full_every).latents_read
        size = latents * query.latent_bytes
        return self._transfer_s(plan.donor, size, profile), size

    def _transfer_s(self, donor: int, size_bytes: int, profile: Profile) -> float:
        if self._cache is None:
            return 0.0
        rate: TierRate = profile.tiers[self._cache.tier_name(donor)]
        return rate.latency_s + size_bytes / rate.load_bytes_per_s

    def _store_time(self, plan: Plan, query: Query, profile: Profile) -> tuple[int, float]:
        """Return bytes and seconds of writing this run's latents to the first tier."""
        if self._cache is None or query.namespace is None:
            return 0, 0.0
        size = self._cache.latents_kept(query, plan) * query.latent_bytes
        rate = profile.tiers[self._cache.first_tier]
        return size, rate.latency_s + size / rate.store_bytes_per_s

    def _denoise(self, plan: Plan, query: Query, profile: Profile) -> float:
        """Return the mean seconds of all denoising steps under ``plan``."""
        k2 = plan.k2 if isinstance(plan, Regional) else 0
        share = plan.active_share if isinstance(plan, Regional) else 0.0
        k1 = 0 if isinstance(plan, Fresh | Copy) else plan.k1
        key = (id(profile), query.steps, k1, k2, share)
        seconds = self._steps_s.get(key)
        if seconds is None:
            seconds = self._steps_s[key] = denoising_s(plan, query.steps, profile)
        return seconds


def denoising_s(plan: Plan, steps: int, profile: Profile) -> float:
    """Return the mean seconds of all denoising steps of ``plan``, TGAA included."""
    work = work_of(plan, steps, profile.srd_full_every)
    seconds = work.full_steps * profile.full_step.mean_s
    if isinstance(plan, Regional):
        seconds += work.srd_steps * profile.srd_step_s(plan.active_share)
        if plan.amplification > 1:
            amplified_s = work.srd_steps * profile.srd_step_s(plan.active_share)
            refreshes = (plan.k2 - plan.k1) - work.srd_steps
            amplified_s += refreshes * profile.full_step.mean_s
            seconds += profile.tgaa_share * amplified_s
    return seconds
