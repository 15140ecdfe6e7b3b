"""An independent simulator: brute-force search, plain lists, its own event loop.

It shares no code with the packages: similarity, bands, entry sizes, LRU and superseding are written
out again, as simply as possible. Slow on purpose.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

MIB = 2**20


@dataclass
class Numbers:
    """What the reference needs to know about a request and its costs."""

    arrival: float
    before: float
    spread: float
    region: float
    after: float
    steps: int
    full_step_s: float
    srd_curve: list[tuple[float, float]]
    srd_full_every: int
    tgaa_share: float
    latent_bytes: int
    result_bytes: int
    load_latency_s: float
    load_rate: float
    store_rate: float
    namespace: str | None


@dataclass
class Resident:
    key: int
    vector: np.ndarray
    namespace: str
    size: int
    first: int
    last: int
    last_use: int
    redundant_since: int = -1


@dataclass
class Reference:
    """Serve ``requests`` and keep ``(kind, donor, k1, k2, start)`` of each in ``decisions``."""

    requests: list[Numbers]
    vectors: np.ndarray
    bands: list[tuple[float, float, float | None, float, float]]
    capacity: int
    gpus: int
    supersede_at: float | None
    renoised: bool = False
    residents: list[Resident] = field(default_factory=list)
    decisions: list[tuple] = field(default_factory=list)
    evicted: list[int] = field(default_factory=list)
    clock: int = 0

    def run(self) -> None:
        self.decisions = [()] * len(self.requests)
        self.vectors = self.vectors.astype(np.float64)
        free = list(range(self.gpus))
        queue: list[int] = []
        events: list[tuple[float, int, int]] = []
        upcoming = 0
        pinned: list[int] = []
        running: dict[int, tuple] = {}
        while upcoming < len(self.requests) or events:
            take_arrival = upcoming < len(self.requests) and (
                not events or self.requests[upcoming].arrival < events[0][0]
            )
            if take_arrival:
                now = self.requests[upcoming].arrival
                queue.append(upcoming)
                upcoming += 1
            else:
                now, _, place = heapq.heappop(events)
                decision = running.pop(place)
                if decision[1] is not None:
                    pinned.remove(decision[1])
                self.store(place, decision, pinned)
                free.append(0)
            while queue and free:
                free.pop()
                place = queue.pop(0)
                decision = self.decide(place)
                if decision[1] is not None:
                    pinned.append(decision[1])
                running[place] = decision
                self.decisions[place] = (*decision, now)
                self.clock += 1
                heapq.heappush(events, (now + self.hold(place, decision), self.clock, place))

    def decide(self, place: int) -> tuple[str, int | None, int, int]:
        request = self.requests[place]
        same = [one for one in self.residents if one.namespace == request.namespace]
        if request.namespace is None or not same:
            return ("fresh", None, 0, 0)
        cosines = np.array([one.vector for one in same]) @ self.vectors[place]
        scored = [
            (round(float(c) * 1e4) / 1e4, one.key, one)
            for c, one in zip(cosines, same, strict=True)
        ]
        scored.sort(key=lambda item: (-item[0], -item[1]))
        best = (0.0, None)
        for similarity, key, one in scored:
            if similarity < self.bands[-1][0]:
                break
            for least, share1, share2, share, _ in self.bands:
                if similarity < least:
                    continue
                k1 = int(share1 * request.steps + 1e-9)
                k2 = k1 if share2 is None else int(share2 * request.steps + 1e-9)
                if k1 == 0 and k2 == 0:
                    continue
                n = request.srd_full_every
                saved = float(k1)
                kind = "resume"
                if k2 > k1 and (self.renoised or (one.first <= k1 and k2 <= one.last)):
                    full = len([step for step in range(k1, k2) if (step - k1) % n == 0])
                    saved += (k2 - k1 - full) * (1 - share)
                    kind = "regional"
                if saved > best[0]:
                    best = (saved, (kind, key, k1, k2 if kind == "regional" else k1), one)
                break
        if best[1] is None:
            return ("fresh", None, 0, 0)
        self.touch(best[2])
        return best[1]

    def touch(self, one: Resident) -> None:
        self.clock += 1
        one.last_use = self.clock

    def hold(self, place: int, decision: tuple) -> float:
        request = self.requests[place]
        kind, _, k1, k2 = decision
        full = request.full_step_s
        load = denoise = 0.0
        if kind == "fresh":
            denoise = request.steps * full
        if kind == "resume":
            denoise = (request.steps - k1) * full
            amplified = min(max(1, request.steps // 6), request.steps - k1)
            denoise += request.tgaa_share * full * amplified
            load = request.load_latency_s + request.latent_bytes / request.load_rate
        if kind == "regional":
            share = next(
                b[3] for b in self.bands if int(b[1] * request.steps + 1e-9) == k1 and b[2]
            )
            srd = float(np.interp(share, *zip(*request.srd_curve, strict=True)))
            refreshes = -(-(k2 - k1) // request.srd_full_every)
            region = refreshes * full + (k2 - k1 - refreshes) * srd * request.region
            amplified = min(max(1, request.steps // 6), k2 - k1)
            tgaa = request.tgaa_share * full * amplified
            denoise = (request.steps - k2) * full + region + tgaa
            size = (1 if self.renoised else k2 - k1 + 1) * request.latent_bytes
            load = request.load_latency_s + size / request.load_rate
        first, last = self.window(place, k1)
        stored = (1 + max(0, last - first + 1)) * request.latent_bytes
        if request.namespace is None:
            store = 0.0
        else:
            store = request.load_latency_s + stored / request.store_rate
        return request.before + load + denoise * request.spread + request.after + store

    def window(self, place: int, computed_from: int) -> tuple[int, int]:
        if self.renoised:
            return (1, 0)
        steps = self.requests[place].steps
        regional = [
            (int(b[1] * steps + 1e-9), int(b[2] * steps + 1e-9)) for b in self.bands if b[2]
        ]
        first = min(k1 for k1, k2 in regional if k2 > k1)
        last = max(k2 for k1, k2 in regional if k2 > k1)
        return (max(first, computed_from), last)

    def store(self, place: int, decision: tuple, pinned: list[int]) -> None:
        request = self.requests[place]
        if request.namespace is None:
            return
        first, last = self.window(place, decision[2])
        latents = 1 + max(0, last - first + 1)
        size = latents * request.latent_bytes + request.result_bytes + 512 * 1024
        while sum(one.size for one in self.residents) + size > self.capacity:
            able = [one for one in self.residents if one.key not in pinned]
            redundant = [one for one in able if one.redundant_since >= 0]
            if redundant:
                out = min(redundant, key=lambda one: one.redundant_since)
            else:
                out = min(able, key=lambda one: one.last_use)
            self.residents.remove(out)
            self.evicted.append(out.key)
        self.clock += 1
        donor = next((one for one in self.residents if one.key == decision[1]), None)
        if self.supersede_at is not None and donor is not None and donor.redundant_since < 0:
            cosine = float(donor.vector @ self.vectors[place])
            if round(cosine * 1e4) / 1e4 >= self.supersede_at and first <= donor.first:
                donor.redundant_since = self.clock
        self.residents.append(
            Resident(place, self.vectors[place], request.namespace, size, first, last, self.clock)
        )
