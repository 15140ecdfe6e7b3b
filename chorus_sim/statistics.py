"""Statistics of one run: warm-up, intervals from batch means, intervals from replications."""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

#: Batches for the interval of a mean. More of them make each too short to be independent, fewer
#: make the interval wide (reports/studies/2026-11-22-coverage).
BATCHES = 10

#: Fewest values a batch needs before its mean says anything.
_SMALLEST_BATCH = 2

#: Correlation of neighbouring batches is believed up to here; ten batches cannot show more.
_MOST_CORRELATED = 0.8


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
    """Return the interval of the mean of a correlated series, by batch means.

    Batch means of a busy queue are still correlated, and an interval that takes them for
    independent is too narrow. So they are read as a first-order autoregressive process, as ASAP3
    (Steiger, Lada, Wilson et al., ACM TOMACS 2005) and Skart (Tafazzoli & Wilson, 2011) do: with
    lag-1 correlation r the variance of the mean grows by ``(1 + r) / (1 - r)``, and that many
    fewer batches count for Student's t. Left out of both: the correction for skewness and the
    search for a batch size.

    Returns an infinite interval for fewer than two values a batch: nothing is known then.
    """
    size = len(values) // BATCHES
    if size < _SMALLEST_BATCH:
        return (-math.inf, math.inf)
    batches = values[len(values) - size * BATCHES :].reshape(BATCHES, size).mean(axis=1)
    inflation = _inflation(batches)
    freedom = max(2.0, BATCHES / inflation - 1)
    width = float(stats.t.ppf((1 + confidence) / 2, freedom))
    half = width * float(batches.std(ddof=1)) * math.sqrt(inflation / BATCHES)
    middle = float(values.mean())
    return (middle - half, middle + half)


def _inflation(batches: FloatArray) -> float:
    """Return by how much correlation between neighbours raises the variance of the mean."""
    apart = batches - batches.mean()
    total = float(apart @ apart)
    if total == 0:
        return 1.0
    measured = float(apart[1:] @ apart[:-1]) / total
    # A short series shows less correlation than it has, by (1 + 4 r) / n (Kendall, 1954).
    correlation = measured + (1 + 4 * measured) / len(batches)
    correlation = min(max(correlation, 0.0), _MOST_CORRELATED)
    return (1 + correlation) / (1 - correlation)


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
