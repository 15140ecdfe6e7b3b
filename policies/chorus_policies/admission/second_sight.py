"""Second sight: nobody leaves for a result whose like is seen for the first time.

A result that was made from a resident donor is the second of its kind; so is a fresh one whose
identical request was refused before. While there is room everything is admitted. Paper: the
"cache on second hit" rule of Maggs and Sitaraman, "Algorithmic nuggets in content delivery", CCR
2015, with similarity added. State: the identities of ``ghosts`` refused results. Cost per call:
O(1). Left out: two fresh results that are alike but not identical, as an entry carries no
embedding to compare by.
"""

from collections import OrderedDict

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More ``ghosts`` recognise requests that return later and cost some 150 bytes each."""

    ghosts: int = 10_000

    def __post_init__(self) -> None:
        if not 0 <= self.ghosts <= 10**8:
            raise ValueError(f"ghosts is {self.ghosts}; 0 to 100000000 is needed")


class SecondSight:
    """Remembers refused identities, oldest forgotten first."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._most = config.ghosts
        self._ghosts: OrderedDict[tuple[str, str], None] = OrderedDict()

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Return whether there is room, a donor, or a ghost; refuse and remember otherwise."""
        seen = None if candidate.identity is None else (candidate.namespace, candidate.identity)
        returns = seen in self._ghosts
        if returns:
            del self._ghosts[seen]  # type: ignore[arg-type]
        if victim is None or returns or candidate.donor is not None:
            return True
        if seen is not None:
            self._ghosts[seen] = None
            if len(self._ghosts) > self._most:
                self._ghosts.popitem(last=False)
        return False
