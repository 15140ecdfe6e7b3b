"""Capacity by price: the size whose savings are largest beyond what its memory costs.

Shadows (``shadow.py``) measure what the tier would save at sizes half an octave apart, so the next
size is a jump to the best one. Two things are learned apart, each over the longest past that
nothing newer contradicts (``evidence.py``): how often requests come, which changes fast and is
quick to see, and what the step to the next size saves a request, which is rare to see and changes
slowly. The second is kept by how long an entry would stay, bytes over traffic, not by bytes: users
who return after an hour do so whether others come or not. So the capacity follows traffic within
about a hundred requests. What a step saves is taken to be what the step below it saves until uses
of its own have shown it: savings per octave change slowly. It stays until the net value given up by
staying adds up to a share of what one reuse usually saves: a large error is left within minutes, a
slight or doubtful one after hours. The scenario's capacity is the most it takes.

It begins as if one request had been saved as a whole, and while it fills it takes the next size at
once, before the one below is full, until a size that is full is too large: memory that may be given
back costs less than entries that had to leave.

Own formulation; marginal utility from ghosts goes back to Patterson et al., SOSP 1995. State: that
of the shadows and some thousand numbers. Cost per lookup: a plan per size, about half a
millisecond. Left out: the cost of moving bytes, and forecasts.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from chorus_policies.parts import Prices, Setting
from chorus_policies.sizing.evidence import Evidence

#: Sizes per octave. Net value is flat around the best size: a fifth beside it, the furthest that
#: half octaves leave one, loses about 2 % of what its memory costs.
_PER_OCTAVE = 2

#: Half octaves between the shortest and the longest mean gap told apart: 30 us and 9 hours.
_GAPS = 60

#: How many uses of the step below a step's savings rest on besides its own. With none, a size that
#: served nobody for an hour is worth nothing; with many, it is worth what the size below it is.
_BORROWED_USES = 2.0

_GIB = 2**30
_HOUR_S = 3600.0


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``least_share`` of the scenario's capacity is about where it starts and the least it keeps.

    Less of it costs more shadows. ``patience`` is the net value it gives up before it changes, in
    usual savings of one reuse: more of it changes less often and follows later.
    """

    least_share: float = 0.004
    patience: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.least_share <= 1:
            raise ValueError(f"least_share is {self.least_share}; a share in (0, 1] is needed")
        if not 0 <= self.patience <= 1000:
            raise ValueError(f"patience is {self.patience}; 0 to 1000 usual savings are needed")


class Priced:
    """Follows the price of memory and of GPU time."""

    def __init__(self, config: Config, setting: Setting) -> None:
        most = setting.capacity_bytes
        least = max(1.0, most * config.least_share)
        count = int(_PER_OCTAVE * np.log2(most / least)) + 1
        self._sizes = [int(most / 2 ** (back / _PER_OCTAVE)) for back in range(count)][::-1]
        self._more_bytes = np.diff(self._sizes).astype(np.float64)
        self._patience = config.patience
        self._prices = Prices()
        self._place = 0
        self._least = 0
        self._given_up_usd = 0.0
        self._fills = True
        self._last: float | None = None
        self._gap_s = Evidence(1)
        self._more_s = Evidence(_GAPS + len(self._sizes))

    def priced(self, prices: Prices) -> None:
        """Learn the prices of the tier and of GPU time; memory for nothing is all taken at once."""
        self._prices = prices
        if not prices.usd_per_byte_s:
            self._place = self._least = len(self._sizes) - 1

    def capacity(self, now: float) -> int:
        """Return the bytes the tier may occupy."""
        return self._sizes[self._place]

    def sizes(self) -> Sequence[int]:
        """Return the sizes it chooses from."""
        return self._sizes

    def holds(self, size_bytes: int) -> str | None:
        """Learn the size of an entry: the tier must be able to hold it.

        Return why the capacity changed; ``None`` means that it did not change.
        """
        while self._sizes[self._least] < size_bytes and self._least + 1 < len(self._sizes):
            self._least += 1
        if self._place >= self._least:
            return None
        low, self._place = self._sizes[self._place] / _GIB, self._least
        high = self._sizes[self._least] / _GIB
        return (
            f"more: from {low:.2f} to {high:.2f} GiB holds an entry of {size_bytes / _GIB:.2f} GiB"
        )

    def looked_up(
        self, saved_s: Sequence[float], whole_s: float, full: int, now: float
    ) -> str | None:
        """Learn what each size would have saved; return why the capacity changed.

        ``None`` means that it did not change. A size counts from when the next smaller one is full.
        """
        last, self._last = self._last, now
        if last is None:
            self._more_s.expect(whole_s)
            return None
        self._gap_s.learn(np.array([now - last]))
        gap_s = float(self._gap_s.means()[0][0])
        if not gap_s:
            return None
        more_s = self._learn_more_s(np.diff(saved_s)[:full], gap_s)
        gained_usd = more_s / gap_s * self._prices.gpu_usd_per_s
        cost_usd = self._more_bytes * self._prices.usd_per_byte_s
        net_usd = np.concatenate(([0.0], np.cumsum(gained_usd - cost_usd)))
        most = max(full + self._fills, self._least)
        best = self._least + int(np.argmax(net_usd[self._least : most + 1]))
        self._fills = self._fills and best >= full
        self._given_up_usd += float(net_usd[best] - net_usd[self._place]) * (now - last)
        usual_usd = self._more_s.usual() * self._prices.gpu_usd_per_s
        waits = not self._fills and self._given_up_usd <= self._patience * usual_usd
        if best == self._place or waits:
            return None
        between = slice(min(best, self._place), max(best, self._place))
        return self._change(best, float(gained_usd[between].sum()), float(cost_usd[between].sum()))

    def _learn_more_s(self, more_s: np.ndarray, gap_s: float) -> np.ndarray:
        """Learn what each step to the next size saved a request; return the means.

        An entry stays for the tier's bytes over the bytes that come, so traffic an octave thinner
        makes a size what the size an octave up was: a step's column is its place and the gap's.
        """
        column = min(_GAPS, max(0.0, _GAPS / 2 + _PER_OCTAVE * float(np.log2(gap_s))))
        self._more_s.learn(more_s, round(column))
        first = int(column)
        means = _borrowed(*self._more_s.means(first, len(self._sizes)), self._more_s.usual())
        return means[:-1] + (column - first) * np.diff(means)

    def _change(self, place: int, saved_usd: float, cost_usd: float) -> str:
        """Take another size; the dollars are per second and lie between the two sizes."""
        word = "more" if place > self._place else "less"
        low, high = sorted((self._sizes[self._place] / _GIB, self._sizes[place] / _GIB))
        given_up, self._given_up_usd = self._given_up_usd, 0.0
        self._place = place
        return (
            f"{word}: from {low:.2f} to {high:.2f} GiB saves ${saved_usd * _HOUR_S:.4f} and costs "
            f"${cost_usd * _HOUR_S:.4f} an hour; staying gave up ${given_up:.4f}"
        )


def _borrowed(means: np.ndarray, weights: np.ndarray, usual: float) -> np.ndarray:
    """Return the mean of each step, with some uses of the step below it counted as its own.

    A mean of a gamma prior: uses over requests, each with those borrowed at the rate of the step
    below. The first borrows from a step that every request would use.
    """
    answers = means.copy()
    requests, saved_s = _BORROWED_USES, _BORROWED_USES * usual
    if usual:
        for place, (mean, weight) in enumerate(zip(means.tolist(), weights.tolist(), strict=True)):
            answer = (max(0.0, mean * weight) + saved_s) / (weight + requests)
            answers[place], requests = answer, saved_s / answer
    return answers
