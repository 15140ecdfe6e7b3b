"""Statistics of one run: warm-up, intervals from batch means, intervals from replications."""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

#: Batches for the interval of a mean. More of them make each too short to be independent.
BATCHES = 20


def mser5(values: FloatArray) -> int:
    """Return how many leading values to discard by MSER-5 (White, Cobb & Spratt, 2000).

    Values are averaged in fives; the cut minimises the standard error of what remains. Cuts in the
    second half are not trusted: then half is discarded.
    """
    groups = len(values) // 5
    if groups < 4:
        return 0
    means = values[: groups * 5].reshape(groups, 5).mean(axis=1)
    remaining = np.arange(groups, 0, -1, dtype=np.float64)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means**2)[::-1])[::-1]
    spread = np.maximum(squares - total**2 / remaining, 0.0)
    half = groups // 2
    error = spread[: half + 1] / remaining[: half + 1] ** 2
    return int(np.argmin(error)) * 5


def batch_means_interval(values: FloatArray, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of a correlated series (Law & Kelton, batch means).

    Returns an infinite interval for fewer than two values a batch: nothing is known then.
    """
    size = len(values) // BATCHES
    if size < 2:
        return (-math.inf, math.inf)
    batches = values[len(values) - size * BATCHES :].reshape(BATCHES, size).mean(axis=1)
    return replication_interval(batches, centre=float(values.mean()), confidence=confidence)


def replication_interval(
    means: FloatArray, *, centre: float | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the Student interval of independent ``means``, around ``centre`` where given."""
    middle = float(means.mean()) if centre is None else centre
    if len(means) < 2:
        return (-math.inf, math.inf)
    width = float(stats.t.ppf((1 + confidence) / 2, len(means) - 1))
    half = width * float(means.std(ddof=1)) / math.sqrt(len(means))
    return (middle - half, middle + half)
