"""What an eviction is told when it is made."""

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.similarity import QUANTA


class EvictionSetting(msgspec.Struct, frozen=True, kw_only=True):
    """Number of requests, every size an entry or its core can have, and whether entries shrink.

    ``owner_of`` and ``identity_of`` ``(requests,)`` number users and identical requests; -1 where
    none is known.
    """

    requests: int
    owner_of: npt.NDArray[np.int32]
    identity_of: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    trims: bool


def least_quanta(similarity: float) -> int:
    """Return the smallest similarity in quanta that is at least ``similarity``, as floats go."""
    return next((q for q in range(QUANTA + 1) if q / QUANTA >= similarity), QUANTA + 1)
