"""Evict what would lose the fewest GPU-seconds per byte; learn that value while serving.

What an entry is worth, by class, is learned in ``pieces.py``: the seconds it saves beyond what the
second-best resident would have saved, falling off with its age. Within a class the longest unused
leaves first; across classes the smallest value per byte and age. Where the form allows trimming,
the step latents, which SRD needs, can leave before the rest, which full reuse needs.

Own formulation; kin are hit density (LHD, Beckmann et al., NSDI 2018) and GDSF. State per entry:
one object, linked to its neighbours in its class; per class: its ends and what it and wider ones
have saved; per user: the newest entry, the last request. Cost per call: O(1),
``victim`` O(classes + pinned), ``watched`` reads at most three neighbours. Left out: donors in
flight.
"""

from collections.abc import Container

from chorus_policies.eviction import pieces
from chorus_policies.parts import Setting

#: The numbers that value a piece.
Config = pieces.Config


class Worth:
    """Orders pieces of entries by the seconds that would be lost per byte."""

    def __init__(self, config: Config, setting: Setting) -> None:
        own = self._pieces = pieces.Pieces(config, setting)
        self.watched, self.admitted, self.hit = own.watched, own.admitted, own.hit
        self.removed, self.trimmed, self.trims = own.removed, own.trimmed, own.trims

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry whose cheapest piece is worth least per byte."""
        return min(self._pieces.heads(pinned))[-1].key
