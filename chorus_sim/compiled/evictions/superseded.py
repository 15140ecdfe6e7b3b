# ruff: noqa: ARG001 - a part takes every argument of its contract
"""Superseded, compiled; described in ``chorus_policies.eviction.superseded``."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.contract import register
from chorus_sim.compiled.evictions.setting import EvictionSetting, least_quanta
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.rings import Rings, append, empty_rings, first_free, take_out

_ORDER, _REDUNDANT = 0, 1


class Superseded(NamedTuple):
    """Two rings: by last use, and the redundant by when they became so."""

    rings: Rings
    in_order: npt.NDArray[np.bool_]
    least: int


def make(config: dict[str, Any], setting: EvictionSetting) -> Superseded:
    """Return the eviction without entries."""
    return Superseded(
        empty_rings(setting.requests, 2),
        np.zeros(setting.requests, np.bool_),
        least_quanta(config["similarity"]),
    )


def _admitted(eviction: Any, residents: Any, key: Any) -> None:
    _supersede(eviction, residents, key)
    append(eviction.rings, _ORDER, key)
    eviction.in_order[key] = True


def _trimmed(eviction: Any, residents: Any, key: Any) -> None:
    _supersede(eviction, residents, key)


@compiled
def _supersede(eviction: Any, residents: Any, key: int) -> None:
    """Put the donor of ``key`` among the redundant if ``key`` covers it."""
    donor = residents.donor[key]
    if (
        donor >= 0
        and residents.donor_quanta[key] >= eviction.least
        and eviction.in_order[donor]
        and residents.first_step[key] <= residents.first_step[donor]
    ):
        take_out(eviction.rings, donor)
        eviction.in_order[donor] = False
        append(eviction.rings, _REDUNDANT, donor)


def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> None:
    if eviction.in_order[key]:
        take_out(eviction.rings, key)
        append(eviction.rings, _ORDER, key)


def _removed(eviction: Any, residents: Any, key: Any) -> None:
    take_out(eviction.rings, key)
    eviction.in_order[key] = False


def _victim(eviction: Any, residents: Any) -> Any:
    key = first_free(eviction.rings, _REDUNDANT, residents.pins)
    if key < 0:
        key = first_free(eviction.rings, _ORDER, residents.pins)
    return key


register(
    Superseded,
    admitted=_admitted,
    hit=_hit,
    trimmed=_trimmed,
    removed=_removed,
    victim=_victim,
)
