"""Admit only results that were computed in full.

A result made with reuse carries its donor's picture on, so its errors can add up, and its donor
still serves the same neighbourhood. Paper: none; the choice is named in several serving systems.
State: none. Cost per call: O(1). Left out: nothing.
"""

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class OnMiss:
    """Says yes to fresh results."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Return whether the candidate was computed in full."""
        return candidate.exact
