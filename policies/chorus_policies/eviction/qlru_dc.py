"""qLRU-dC: a use counts with the chance of what would be lost if the donor were not there.

A hit on z refreshes z with probability (C(x, S without z) - C_a(x, z)) / C_r: what z saves beyond
the nearest other resident, as a share of a miss. So of two entries that cover each other one grows
old and leaves. Paper: Garetto, Leonardi and Neglia, "Similarity caching: theory and algorithms",
INFOCOM 2020 (the rule is from memory of the paper). State per entry: a place in an ordered map.
Cost per call: O(1) and the two nearest neighbours of a hit, plus the pinned entries passed over.
Left out: insertion with probability q is the admission part ``qlru_dc``, which belongs to it. A
copy found on arrival is not compared with others and always refreshes.
"""

from collections import OrderedDict
from collections.abc import Container, Iterable

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Fresh, Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class QlruDc:
    """Orders entries by admission and last use that won its coin."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config
        self._chance = setting.chance
        self._order: OrderedDict[int, None] = OrderedDict()
        #: The donor of the lookup just watched, and the chance that its use counts.
        self._watched: tuple[int, float] | None = None

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the recent end."""
        self._order[entry.key] = None

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Compare what the donor saves with what the nearest other resident would save."""
        self._watched = None
        if isinstance(plan, Fresh) or plan.donor not in self._order:
            return
        saved_s = saved_steps(plan, query.steps, query.srd_full_every) * query.step_s
        others = (option.saving_s for option in options if option.entry.key != plan.donor)
        other_s = next(others, 0.0)
        miss_s = query.steps * query.step_s
        share = (saved_s - other_s) / miss_s if miss_s else 1.0
        self._watched = (plan.donor, share)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry to the recent end with the chance the lookup gave it."""
        donor, share = self._watched or (entry.key, 1.0)
        if donor != entry.key or self._chance.random() < share:
            self._order.move_to_end(entry.key)
        self._watched = None

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._order[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry longest without a use that counted and that is not pinned."""
        return next(key for key in self._order if key not in pinned)
