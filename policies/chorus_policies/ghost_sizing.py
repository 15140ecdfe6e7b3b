"""Ghost sizing: feeds the first tier's sizing part with what more bytes would have saved."""

from collections.abc import Callable

from chorus_policies.entry import Entry, Query
from chorus_policies.ghosts import Ghosts
from chorus_policies.parts import GhostWatcher, SimilarityIndex
from chorus_policies.tier import Tier
from chorus_traces.errors import PolicyError


class GhostSizing:
    """Keeps the ghosts of one tier and tells its sizing part about them.

    Tiers below the first keep their size: what leaves the first tier is no loss while it lies in
    the next, so their sizing would need prices of slowness too.
    """

    def __init__(self, tier: Tier, watcher: GhostWatcher, index: SimilarityIndex) -> None:
        self._tier = tier
        self._watcher = watcher
        self._ghosts = Ghosts(index)
        self._queries: dict[int, Query] = {}

    def offered(self, size_bytes: int) -> None:
        """Learn that an entry of this size asks for room."""
        self._watcher.holds(size_bytes)

    def admitted(self, query: Query) -> None:
        """Learn that the entry of ``query`` is resident."""
        self._queries[query.sequence] = query

    def leaving(self, entry: Entry, freed_bytes: int, now: float) -> None:
        """Keep a ghost of ``entry``, of which ``freed_bytes`` are about to leave the tier."""
        self._ghosts.add(entry, self._queries[entry.key], freed_bytes, self._watcher.ghost_bytes())
        self._watcher.left(freed_bytes, now)

    def gone(self, key: int) -> None:
        """Learn that nothing of the entry is resident any more."""
        self._queries.pop(key, None)

    def looked_up(
        self,
        query: Query,
        floor: float,
        saving_s: Callable[[Entry, float], float],
        had_s: float,
        now: float,
    ) -> str | None:
        """Tell what the ghosts would have saved; return why the capacity changed, if it did."""
        gain_s = self._ghosts.gain_s(query, floor, saving_s, had_s)
        reason = self._watcher.looked_up(gain_s, now)
        if reason is not None:
            self._tier.capacity_changes.append((now, self._tier.capacity(now)))
        return reason


def ghost_sizing_of(
    tiers: list[Tier], index: SimilarityIndex | None, policy: str
) -> GhostSizing | None:
    """Return the ghost sizing of the first tier, or ``None`` where its sizing watches no ghosts.

    Raises ``PolicyError`` where it does and there is no index for ghosts.
    """
    watcher = tiers[0].ghost_watcher
    if watcher is None:
        return None
    if index is None:
        raise PolicyError(f"{policy}: its sizing watches ghosts; give the cache a ghost index")
    return GhostSizing(tiers[0], watcher, index)
