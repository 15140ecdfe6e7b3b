"""What one bit of the future would add: whether an entry is ever of use again, but not when.

``worth`` runs with whole entries, except that entries without a later use leave first, the longest
unused of them at the head. The gap between this and ``worth`` is what predicting that bit perfectly
is worth; the rest of the gap to the clairvoyant bound is knowing when.
"""

from collections.abc import Container
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.catalogue import EVICTIONS
from chorus_policies.journal import Journal
from chorus_policies.parts import Setting
from chorus_sim.clairvoyant import ClairvoyantIndex, Future
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.model import Model
from chorus_sim.outcome import to_json
from chorus_sim.runs import run_uncached
from chorus_sim.scenario import Scenario
from chorus_traces.trace import Trace


class DeadFirst:
    """``worth``, told which residents no later request can use."""

    def __init__(self, setting: Setting, future: Future) -> None:
        part = EVICTIONS["worth"]
        self._worth, self._future = part.make(part.config(), setting), future
        self.watched, self.trims = self._worth.watched, self._worth.trims
        self._last_use: dict[int, int] = {}

    def admitted(self, entry: Any, now: float) -> None:
        """Look up the last request that can use the entry."""
        start, end = self._future.start[entry.key], self._future.start[entry.key + 1]
        self._last_use[entry.key] = int(self._future.user[end - 1]) if end > start else -1
        self._worth.admitted(entry, now)

    def hit(self, entry: Any, plan: Any, now: float) -> None:
        """Make the entry the most recent."""
        self._last_use[entry.key] = self._last_use.pop(entry.key)
        self._worth.hit(entry, plan, now)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._last_use[key]
        self._worth.removed(key, now)

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the longest unused entry without a later use, or whom ``worth`` names."""
        position = self._future.position
        for key, last in self._last_use.items():
            if last < position and key not in pinned:
                return key
        key: int = self._worth.victim(pinned, now)
        return key


class DeadFirstPolicy:
    """The prepared policy with that eviction."""

    def __init__(self, prepared: Prepared, future: Future) -> None:
        policy = prepared.policy
        self.name, self.form = "worth, told the dead", policy.form
        self.reuse, self.admission, self.sizing = policy.reuse, policy.admission, policy.sizing
        self._future, self._setting = future, Setting(capacity_bytes=0, chance=None)

    def eviction(self, capacity_bytes: int, seed: int) -> DeadFirst:
        """Return the eviction that is told."""
        del capacity_bytes, seed
        return DeadFirst(self._setting, self._future)


def write_ceiling(
    scenario: Scenario, streams: dict[str, Trace], capacities: tuple[str, ...], path: Path
) -> None:
    """Write the saved share by stream and capacity."""
    shares: dict[str, dict[str, float]] = {}
    for name, trace in streams.items():
        first = prepare(scenario, trace)
        held = np.array(run_uncached(first).served.held)
        shares[name] = {}
        for capacity in capacities:
            cache = msgspec.structs.replace(scenario.cache, capacity=capacity)
            one = vary(first, msgspec.structs.replace(scenario, cache=cache))
            future = Future(one.graph, one.workload, one.policy)
            policy = DeadFirstPolicy(one, future)
            index = ClairvoyantIndex(one.graph, future)
            served = Model(
                one.workload, one.gpus, Cache(policy, one.tiers, index, Journal(keep=False))
            ).run()
            shares[name][capacity] = float((held - np.array(served.held)).sum() / held.sum())
    path.write_bytes(to_json(shares))
