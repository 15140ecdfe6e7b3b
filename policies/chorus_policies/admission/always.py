"""Admit every finished result.

The baseline every admission rule is compared with. State: none. Cost per call: O(1).
"""

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class Always:
    """Says yes."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Return True."""
        return True
