"""A paired block bootstrap over the requests of a trace (Kunsch, 1989).

Requests follow one another's sessions, so single requests are not independent: the trace is cut
into consecutive blocks and whole blocks are drawn with replacement. Runs on one trace share the
draw, so a difference between them is judged on equal ground.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Blocks and draws from them. Blocks must be longer than a session's echo.
BLOCKS = 50
DRAWS = 2000


def block_edges(requests: int) -> IntArray:
    """Return where the blocks begin and the last one ends, shape ``(blocks + 1,)``."""
    return np.linspace(0, requests, min(BLOCKS, requests) + 1).astype(np.int64)


def block_sums(values: FloatArray) -> FloatArray:
    """Return the sum of ``values`` ``(requests,)`` in each block, shape ``(blocks,)``."""
    sums: FloatArray = np.add.reduceat(values, block_edges(len(values))[:-1])
    return sums


def block_draws(requests: int) -> IntArray:
    """Return block numbers, shape ``(draws, blocks)``: the same for every run on a trace."""
    blocks = min(BLOCKS, requests)
    return np.random.default_rng(0).integers(0, blocks, (DRAWS, blocks))


def interval(values: FloatArray) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap ``values``."""
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    return low, high
