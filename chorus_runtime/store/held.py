"""What the store says of one entry, and where the entry really is."""

from dataclasses import dataclass

import torch

from chorus_runtime.store.index import Row
from chorus_runtime.store.kept import Kept
from chorus_runtime.store.tiers import LASTING, TierName, is_misplaced


@dataclass(slots=True)
class Held:
    """``tier`` and ``has_steps`` are what is wanted, ``kept`` and ``row`` what is there.

    ``kept`` is there while the entry is in memory: in its tier, or on its way to another. ``row``
    is there while a form of it is on disk.
    """

    tier: TierName
    has_steps: bool
    kept: Kept | None = None
    row: Row | None = None

    def is_settled(self, device: torch.device) -> bool:
        """Tell whether what is wanted is there and nothing else; ``device`` is the engine's."""
        if self.tier in LASTING:
            on_disk = self.row is not None and self.row.has_steps == self.has_steps
            return on_disk and self.kept is None
        if self.row is not None or self.kept is None:
            return False
        return not is_misplaced(self.kept, self.tier, device)
