"""The contract of a whole policy, tried inside the cache."""

import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.plan import Fresh
from chorus_policies.policy import PartsMaker
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.exercise import Exercise, need
from chorus_policies.testing.samples import KIB, make_query, script_chance
from chorus_policies.tier import TierSpec


def check_policy(policy: PartsMaker, *, seed: int = 0, rounds: int = 2000) -> Exercise:
    """Check a whole policy inside two caches of two tiers, on requests of which many are alike.

    ``Cache`` checks every answer; on top of that both caches must journal alike, and every entry
    admitted must be evicted or still be there to be removed at the end. Returns what happened: a
    policy that never evicts or never reuses may be right, so the caller says what it expects.
    """
    with no_clock_or_global_chance():
        runs = [_PolicyScript(policy, seed, rounds) for _ in range(2)]
    one, other = (run.journal.rows for run in runs)
    for row, twin in zip(one, other, strict=False):
        need(row == twin, f"{policy.name}: {row}, but {twin} in a second run of the same calls")
    need(len(one) == len(other), f"{policy.name}: two runs of the same calls differ in length")
    runs[0].exercise.require(rounds // 20, "hits")
    return runs[0].exercise


class _PolicyScript:
    """Plays random requests to a cache, several in service at a time."""

    def __init__(self, policy: PartsMaker, seed: int, rounds: int) -> None:
        self.journal = Journal()
        self.exercise = Exercise()
        chance = script_chance(seed)
        size_bytes = 4096 * KIB
        tiers = tuple(
            TierSpec(name=name, capacity_bytes=24 * size_bytes) for name in ("near", "far")
        )
        cache = Cache(policy, tiers, MatrixIndex(), self.journal, seed, MatrixIndex())
        vectors = np.random.Generator(np.random.PCG64(seed)).normal(size=(60, 16))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        in_service = []
        for sequence in range(rounds):
            topic = int(60 * chance.random() ** 2)
            identity = f"topic {topic}" if chance.random() < 0.2 else None
            query = make_query(sequence, 50, identity, vectors[topic].astype(np.float32))
            plan = cache.lookup(query, float(sequence))
            self.exercise.hits += not isinstance(plan, Fresh)
            in_service.append((query, plan))
            if len(in_service) > 3:
                done, made_by = in_service.pop(chance.randrange(4))
                if not isinstance(made_by, Fresh):
                    cache.release(made_by.donor, sequence + 0.5)
                stored = cache.store(done, made_by, 10.0, sequence + 0.5)
                self.exercise.admissions += stored.tier is not None
        for _, plan in in_service:
            if not isinstance(plan, Fresh):
                cache.release(plan.donor, float(rounds))
        for key in range(rounds):
            if key in cache:
                cache.remove(key, float(rounds))
                self.exercise.removals += 1
        self.exercise.evictions = cache.evictions
        need(
            len(cache) == 0 and cache.occupied_bytes == 0,
            f"{policy.name}: {cache.occupied_bytes} bytes are left after every entry was removed",
        )
        need(
            self.exercise.admissions == cache.evictions + self.exercise.removals,
            f"{policy.name}: entries admitted are not those evicted and removed",
        )
