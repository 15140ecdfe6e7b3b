"""Cosine similarity, quantised once so that every path through the code agrees.

float32 products differ in their last bits between matrix shapes. So a blocked float32 product only
proposes pairs, and the value everybody compares is the float64 dot product rounded to 1e-4.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

#: Similarities are multiples of this.
QUANTUM = 1e-4

#: Quanta in a similarity of 1.
QUANTA = 10_000

#: A float32 dot product of unit vectors is never further than this from the exact one.
FLOAT32_SLACK = 2e-5


def quantised(dot: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """Return exact cosines as whole numbers of 1e-4, clipped to [-1, 1]."""
    quanta = np.rint(dot * QUANTA)
    return np.clip(quanta, -QUANTA, QUANTA).astype(np.int16)


def exact_similarity(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]
) -> npt.NDArray[np.int16]:
    """Return the similarity in quanta of row i of ``left`` and row i of ``right``.

    Both have shape ``(pairs, width)`` and rows of length 1 up to float32 rounding.
    """
    dot = np.einsum("ij,ij->i", left, right, dtype=np.float64, casting="safe")
    return quantised(dot)


@lru_cache
def floor_quanta(floor: float) -> int:
    """Return the smallest similarity in quanta that is at least ``floor``."""
    return math.ceil(floor * QUANTA - 1e-6)
