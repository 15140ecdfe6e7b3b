"""The tiers of a cache from what a user states: ``64GiB``, or a size for each tier."""

from collections.abc import Mapping

from chorus_policies.entry import parse_bytes
from chorus_policies.tier import TierSpec
from chorus_runtime.store.tiers import LASTING, TIERS, TierName, tier_named
from chorus_traces.errors import EngineError


def tier_specs(cache: str | Mapping[str, str], *, lasting: TierName | None) -> tuple[TierSpec, ...]:
    """Return the tiers, fastest first.

    One size is that of ``lasting``, the tier of the store that outlives the process, and of memory
    where there is none. Raises ``EngineError`` for a size that is none, a tier without a
    place, and a folder that no tier would use.
    """
    sizes = {lasting or "host": cache} if isinstance(cache, str) else dict(cache)
    for name in sizes:
        tier_named(name)
    if not sizes:
        raise EngineError('cache is empty; write "64GiB", or {"host": "8GiB", "disk": "64GiB"}')
    if [name for name in LASTING if name in sizes] != ([] if lasting is None else [lasting]):
        needed = "the tier 'disk' needs a store folder, 'remote' the address of one"
        raise EngineError(f"{needed}; give both or none (cache has {', '.join(sizes)})")
    return tuple(
        TierSpec(name=name, capacity_bytes=_bytes(name, sizes[name]))
        for name in TIERS
        if name in sizes
    )


def _bytes(name: str, text: str) -> int:
    try:
        return parse_bytes(text)
    except (AttributeError, ValueError) as error:
        raise EngineError(f"capacity of {name}: {error}") from error
