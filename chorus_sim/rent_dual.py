"""The dual of keeping entries for rent: a bound for any prices, and a search for good ones.

``Uses`` says which entry can serve which request, what that saves, and during which arrivals the
entry then certainly lies in the cache. See ``upper_bound.py`` for what the program means and why
every value of the dual is a bound (weak duality). Cost of one value: O(uses).
"""

import msgspec
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Steps of the search for prices. More make the bound smaller, by less and less: 600 end within
#: 1 % of the optimum of the linear program where memory is short.
STEPS = 600

#: The scale of the first step in rents and in covers; the bound holds for any.
_RENT_STEP, _COVER_STEP = 0.1, 0.2


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """Possible uses, sorted by entry, then by request; arrays of shape ``(uses,)``.

    ``entry`` numbers what can be kept or dropped as one, ``request`` what wants it; the two pieces
    of a trimmed result are two entries, and ask for two shares of a request.
    """

    entry: IntArray
    share: IntArray
    saving_s: FloatArray
    size: FloatArray
    begin: IntArray
    end: IntArray


class _Dual:
    """The dual of the linear program, and a direction in which it falls.

    ``rent`` and ``cover`` have shapes ``(requests,)`` and ``(shares,)``.
    """

    def __init__(self, uses: Uses, requests: int, capacity: float) -> None:
        self._uses, self._requests, self._capacity = uses, requests, capacity
        self._starts = np.flatnonzero(np.diff(uses.entry, prepend=-1))
        lengths = np.diff(np.append(self._starts, len(uses.entry)))
        self._segment = np.repeat(np.arange(len(self._starts)), lengths)

    def __call__(self, rent: FloatArray, cover: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the bound at these prices, and its slopes in both."""
        uses = self._uses
        paid = np.concatenate([[0.0], np.cumsum(rent)])
        surplus = uses.saving_s - cover[uses.share]
        worthwhile = surplus > 0
        total = np.cumsum(np.where(worthwhile, surplus, 0.0))
        before = np.concatenate([[0.0], total])[self._starts]
        stay = uses.size * (paid[uses.end] - paid[uses.begin])
        profit = total - before[self._segment] - stay
        best = np.maximum.reduceat(profit, self._starts)
        value = self._capacity * rent.sum() + cover.sum() + np.maximum(best, 0.0).sum()
        place = np.arange(len(profit))
        at_best = np.where(profit == best[self._segment], place, -1)
        end = np.maximum.reduceat(at_best, self._starts)
        chosen = best > 0
        taken = chosen[self._segment] & (place <= end[self._segment])
        covered = np.bincount(uses.share[taken & worthwhile], minlength=len(cover))
        slope_cover = 1.0 - covered.astype(np.float64)
        last, size = end[chosen], uses.size[self._starts[chosen]]
        change = np.zeros(self._requests + 1)
        np.add.at(change, uses.begin[last], size)
        np.add.at(change, uses.end[last], -size)
        slope_rent = self._capacity - np.cumsum(change)[:-1]
        return float(value), slope_rent, slope_cover


def least_bound(uses: Uses, requests: int, capacity: float) -> float:
    """Return the least bound found by projected subgradient steps, each price at its own scale.

    Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 2011.
    """
    if not len(uses.entry):
        return 0.0
    dual = _Dual(uses, requests, capacity)
    cover = np.zeros(int(uses.share.max()) + 1)
    np.maximum.at(cover, uses.share, uses.saving_s)
    rent = np.zeros(requests)
    # Without rent, and with every request covered, the bound is that of any capacity.
    least = dual(rent, cover)[0]
    cover /= 2
    scale = float(np.median(uses.saving_s))
    rent_step = _RENT_STEP * scale / float(np.median(uses.size))
    seen_rent, seen_cover = np.full(requests, 1e-12), np.full(len(cover), 1e-12)
    for _ in range(STEPS):
        value, slope_rent, slope_cover = dual(rent, cover)
        least = min(least, value)
        slope_rent /= capacity
        seen_rent += slope_rent**2
        seen_cover += slope_cover**2
        rent = np.maximum(0.0, rent - rent_step * slope_rent / np.sqrt(seen_rent))
        cover = np.maximum(0.0, cover - _COVER_STEP * scale * slope_cover / np.sqrt(seen_cover))
    return least
