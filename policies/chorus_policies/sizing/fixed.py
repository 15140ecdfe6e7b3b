"""A capacity that does not change.

State: one number. Cost per call: O(1).
"""

import msgspec

from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers: the scenario says how large each tier is."""


class Fixed:
    """Keeps a tier at the capacity the scenario gives it."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config
        self._capacity_bytes = setting.capacity_bytes

    def capacity(self, now: float) -> int:
        """Return the tier's bytes."""
        return self._capacity_bytes
