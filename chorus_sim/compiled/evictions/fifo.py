# ruff: noqa: ARG001 - a part takes every argument of its contract
"""FIFO, compiled; the algorithm is described in ``chorus_policies.eviction.fifo``."""

from typing import Any, NamedTuple

from chorus_sim.compiled.contract import register
from chorus_sim.compiled.evictions.setting import EvictionSetting
from chorus_sim.compiled.rings import Rings, append, empty_rings, first_free, take_out


class Fifo(NamedTuple):
    """Entries in the order of their admission."""

    rings: Rings


def make(config: dict[str, Any], setting: EvictionSetting) -> Fifo:
    """Return the eviction without entries."""
    return Fifo(empty_rings(setting.requests, 1))


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    append(eviction.rings, 0, key)


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    pass


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    take_out(eviction.rings, key)


def _victim(eviction: Any, residents: Any) -> Any:
    return first_free(eviction.rings, 0, residents.pins)


register(Fifo, admitted=_admitted, hit=_hit, removed=_removed, victim=_victim)
