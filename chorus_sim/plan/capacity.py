"""The capacities a plan tries: sizes of the first tier, with lower tiers where they are named."""

import msgspec

from chorus_sim.quantities import capacity_bytes
from chorus_sim.scenario import CacheSection, LowerTier
from chorus_traces.errors import ScenarioError


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of cache; ``cache`` is ``None`` for none at all."""

    text: str
    cache: CacheSection | None


def parse_capacities(text: str, cache: CacheSection) -> tuple[Capacity, ...]:
    """Return the choices in "0,16GiB,16GiB+disk:1TiB"; without a cache is always among them.

    The first size is of ``cache.tier``; lower tiers of the scenario stay where a choice names none.
    Raises ``ScenarioError`` on a size that is none, or one that comes twice.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise ScenarioError(f"--capacities {text!r}: name at least one, like 0,16GiB,64GiB")
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise ScenarioError(f"--capacities {text!r}: {twice} comes twice; name each once")
    choices = [_capacity(word, cache) for word in words]
    if all(choice.cache is not None for choice in choices):
        choices.insert(0, Capacity(text="0", cache=None))
    return tuple(choices)


def _capacity(word: str, cache: CacheSection) -> Capacity:
    first, *rest = word.split("+")
    if first.strip() == "0":
        if rest:
            raise ScenarioError(f"--capacities {word!r}: 0 is no cache; it has no lower tiers")
        return Capacity(text="0", cache=None)
    below = []
    for part in rest:
        name, colon, size = (piece.strip() for piece in part.partition(":"))
        if not colon:
            raise ScenarioError(f"--capacities {word!r}: write a lower tier as +disk:1TiB")
        below.append(LowerTier(name=name, capacity=size))
    try:
        for size in (first, *(tier.capacity for tier in below)):
            capacity_bytes(size, footprint_bytes=1)
        chosen = CacheSection(
            tier=cache.tier, capacity=first.strip(), below=tuple(below) or cache.below
        )
    except ValueError as error:
        raise ScenarioError(f"--capacities {word!r}: {error}") from error
    return Capacity(text=word, cache=chosen)
