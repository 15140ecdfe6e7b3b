"""LCBFU: evict the entry whose reuse has skipped the fewest steps, frequency x K.

K is the number of denoising steps that a hit skips; an entry reused rarely but deeply can be worth
more than one reused often and early. Paper: Nirvana (Agarwal et al., "Approximate caching for
efficiently serving text-to-image diffusion models", NSDI'24). State per entry: one sum and a place
in a heap. Cost per call: O(log n). Left out: Nirvana stores each K of a prompt as an item of its
own and evicts (prompt, K); an entry here holds all its steps and leaves whole, so f x K is summed
over its K. Partial steps of SRD count for what they skip. As in the paper there is no ageing.
"""

from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.eviction.approximation import unsaved_share
from chorus_policies.eviction.ranking import Ranking
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class Lcbfu:
    """Ranks entries by the steps their hits skipped."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        self._ranking = Ranking()

    def admitted(self, entry: Entry, now: float) -> None:
        """Rank the entry last among those that skipped nothing yet."""
        self._ranking.put(entry.key, 0.0)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Add the steps the hit skips."""
        skipped = entry.steps * (1 - unsaved_share(plan, entry))
        self._ranking.put(entry.key, self._ranking.rank(entry.key) + skipped)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry and its sum."""
        self._ranking.remove(key)

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry whose hits skipped fewest steps that is not pinned."""
        return self._ranking.first(pinned)
