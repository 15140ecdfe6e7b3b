"""Ghost sizing: shows the first tier's sizing part what the tier would save at other sizes."""

from chorus_policies.entry import Entry, Query
from chorus_policies.neighbours import Neighbours
from chorus_policies.parts import GhostWatcher, SimilarityIndex
from chorus_policies.policy import PartsMaker
from chorus_policies.shadow import Appraiser, Planner, Shadow
from chorus_policies.tier import Tier
from chorus_traces.errors import PolicyError


class GhostSizing:
    """Keeps the shadows of one tier, a size each, and tells its sizing part what they save.

    Shadows share one index: a ghost is findable while any of them holds it. Tiers below the first
    keep their size: what leaves the first tier is no loss while it lies in the next, so their
    sizing would need prices of slowness too.
    """

    def __init__(
        self,
        tier: Tier,
        watcher: GhostWatcher,
        index: SimilarityIndex,
        policy: PartsMaker,
        seed: int,
    ) -> None:
        self._tier = tier
        self._watcher = watcher
        self._index = index
        self._shadows = [Shadow(size, policy, seed) for size in watcher.sizes()]
        self._ghosts: dict[int, Entry] = {}
        self._holders: dict[int, int] = {}

    def published(self, entry: Entry, query: Query, now: float) -> None:
        """Learn that ``entry``, the run of ``query`` in flight, asks for room."""
        self._offer(entry, query, now)

    def stored(self, entry: Entry, query: Query, now: float) -> str | None:
        """Learn that the finished ``entry``, the result of ``query``, asks for room.

        Return why the capacity changed, if it did.
        """
        reason = self._noted(self._watcher.holds(entry.size_bytes), now)
        self._offer(entry, query, now)
        return reason

    def removed(self, key: int, now: float) -> None:
        """Learn that an entry went by order, or its run failed: no size would have kept it."""
        for shadow in self._shadows:
            if shadow.drop(key, now):
                self._let_go(key)

    def looked_up(
        self, query: Query, floor: float, plan_of: Planner, appraise: Appraiser, now: float
    ) -> str | None:
        """Tell what each size would have saved; return why the capacity changed, if it did."""
        seen = Neighbours(self._index.neighbours(query, floor), self._ghosts)
        return self._learn(
            [shadow.look_up(query, seen, plan_of, appraise, now) for shadow in self._shadows],
            query,
            now,
        )

    def copied(self, query: Query, now: float) -> str | None:
        """Tell what each size would have saved a request that was copied on arrival.

        It had no embedding then, so a size without an identical result counts as saving nothing.
        Return why the capacity changed, if it did.
        """
        return self._learn([shadow.copy(query, now) for shadow in self._shadows], query, now)

    def _learn(self, saved_s: list[float], query: Query, now: float) -> str | None:
        full = sum(shadow.full for shadow in self._shadows)
        return self._noted(
            self._watcher.looked_up(saved_s, query.steps * query.step_s, full, now), now
        )

    def _noted(self, reason: str | None, now: float) -> str | None:
        if reason is not None:
            self._tier.capacity_changes.append((now, self._tier.capacity(now)))
        return reason

    def _offer(self, entry: Entry, query: Query, now: float) -> None:
        key, new_holders = entry.key, 0
        for shadow in self._shadows:
            held = key in shadow.entries
            for dropped in shadow.offer(entry, now):
                self._let_go(dropped)
            new_holders += key in shadow.entries and not held
        is_known = key in self._ghosts
        if new_holders and not is_known:
            self._index.add(query)
        if new_holders or is_known:
            self._ghosts[key] = entry
            self._holders[key] = self._holders.get(key, 0) + new_holders

    def _let_go(self, key: int) -> None:
        """Count one holder of a ghost less; without any it is forgotten."""
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key], self._ghosts[key]
            self._index.remove(key)


def ghost_sizing_of(
    tiers: list[Tier], index: SimilarityIndex | None, policy: PartsMaker, seed: int
) -> GhostSizing | None:
    """Return the ghost sizing of the first tier, or ``None`` where its sizing watches no ghosts.

    Raises ``PolicyError`` where it does and there is no index for ghosts.
    """
    watcher = tiers[0].ghost_watcher
    if watcher is None:
        return None
    if index is None:
        raise PolicyError(f"{policy.name}: its sizing watches ghosts; give the cache a ghost index")
    return GhostSizing(tiers[0], watcher, index, policy, seed)
