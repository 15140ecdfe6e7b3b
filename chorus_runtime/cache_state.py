"""What a cache holds at one instant, as operators are told."""

import msgspec


class TierState(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of one tier: used, and allowed now."""

    name: str
    occupied_bytes: int
    capacity_bytes: int


class CacheState(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache holds, and what it has evicted so far."""

    entries: int
    tiers: tuple[TierState, ...]
    evictions: int
    evicted_bytes: int
