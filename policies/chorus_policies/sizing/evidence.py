"""Evidence: means over the longest past that nothing newer contradicts.

Means of several memories, each twice as long as the one before, are kept side by side. An answer
comes from the longest whose mean no shorter one differs from by more than its error allows: a
steady stream is averaged over all of it, and after a change only what came since counts. Method:
Lepski, Theory of Probability and its Applications 35 (1990), here over time.

State: three numbers per memory and value. Cost per call: O(memories^2 x values), a few array steps.
"""

import numpy as np
import numpy.typing as npt

#: Each memory in observations; an exponential one counts about twice as many. Sixteen give a mean
#: worth comparing; what is older than the last is forgotten in any case.
_MEMORIES = 16.0 * 2.0 ** np.arange(11)

#: How many standard errors apart two means contradict each other: the largest of as many normal
#: errors as there are memories stays about below it.
_ERRORS_APART = float(np.sqrt(2 * np.log(len(_MEMORIES))))

_Values = npt.NDArray[np.float64]


class Evidence:
    """Means of ``width`` values side by side."""

    def __init__(self, width: int) -> None:
        shape = (len(_MEMORIES), width)
        self._weight, self._sum, self._square = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._keep = (1 - 1 / _MEMORIES)[:, None]
        self._events, self._event_square = 0.0, 0.0

    def learn(self, values: _Values, first: int = 0) -> None:
        """Observe values from column ``first`` on; the others were not there to be seen."""
        seen = slice(first, first + len(values))
        square = values**2
        for total, term in ((self._weight, 1.0), (self._sum, values), (self._square, square)):
            total[:, seen] *= self._keep
            total[:, seen] += term
        events = np.count_nonzero(values)
        if events:
            keep = (1 - 1 / _MEMORIES[-1]) ** events
            self._events = self._events * keep + events
            self._event_square = self._event_square * keep + float(square.sum())

    def expect(self, value: float) -> None:
        """Count one value that is not zero before any was seen; no mean takes it in."""
        self._events, self._event_square = 1.0, value**2

    def usual(self) -> float:
        """Return the usual size of a value that is not zero: the root of their mean square."""
        return float(np.sqrt(self._event_square / max(self._events, 1.0)))

    def means(self, first: int = 0, count: int = 1) -> tuple[_Values, _Values]:
        """Return the means of ``count`` columns from ``first`` on, and what each rests on.

        The mean is 0 where nothing was seen; what it rests on is a number of observations. Every
        variance counts one more event of the usual size than was seen: no events, or few, do not
        make a mean sure.
        """
        asked = slice(first, first + count)
        weight = np.maximum(self._weight[:, asked], 1.0)
        mean = self._sum[:, asked] / weight
        variance = np.maximum((self._square[:, asked] + self.usual() ** 2) / weight - mean**2, 0.0)
        # The variance of a mean is the variance times the sum of squared weights over the square
        # of their sum; both are geometric series.
        memory = _MEMORIES[:, None]
        share = (2 - weight / memory) / (2 - 1 / memory) / weight
        # apart[long, short, value]. Each mean is doubted by the larger of the two variances: one
        # rare event makes a short mean high, and none makes it look sure.
        larger = np.maximum(variance[None], variance[:, None])
        apart = (mean[None] - mean[:, None]) ** 2 > _ERRORS_APART**2 * larger * share[None]
        contradicted = np.tril(apart.transpose(2, 0, 1), -1).any(axis=2)
        longest = len(_MEMORIES) - 1 - np.argmin(contradicted[:, ::-1], axis=1)
        chosen = longest, np.arange(mean.shape[1])
        return mean[chosen], self._weight[:, asked][chosen]
