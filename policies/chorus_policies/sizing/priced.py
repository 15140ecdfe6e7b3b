"""Capacity by price: grow while the next bytes save more than they cost, else shrink.

Ghosts within ``margin`` of the capacity show what that much more memory would have saved, in
GPU-seconds; the GPU's price turns them into dollars, the tier's price says what the memory costs.
The capacity grows by ``step`` when the saving is dearer than the memory, and shrinks by it when it
is cheaper; it waits until the evidence amounts to ``evidence`` typical ghost hits either way, so it
neither chases single hits nor swings. The scenario's capacity is the most it takes. Own
formulation; marginal utility from ghosts goes back to Patterson et al., SOSP 1995.

State: eight numbers. Cost per call: O(1). Left out: the cost of moving bytes, and forecasts.
"""

import msgspec

from chorus_policies.parts import Prices, Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``least_share`` of the scenario's capacity is where it starts and the least it keeps.

    A larger ``step`` follows faster and overshoots more; more ``evidence`` waits longer and errs
    less; a larger ``margin`` sees more ghosts and blurs where the margin is.
    """

    least_share: float = 0.02
    step: float = 0.25
    margin: float = 0.25
    evidence: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.least_share <= 1:
            raise ValueError(f"least_share is {self.least_share}; a share in (0, 1] is needed")
        for name in ("step", "margin"):
            value = getattr(self, name)
            if not 0 < value <= 4:
                raise ValueError(f"{name} is {value}; a number in (0, 4] is needed")
        if not 1 <= self.evidence <= 1000:
            raise ValueError(f"evidence is {self.evidence}; 1 to 1000 is needed")


class Priced:
    """Follows the price of memory and of GPU time."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._config = config
        self._most = setting.capacity_bytes
        self._least = max(1, int(setting.capacity_bytes * config.least_share))
        self._capacity = self._least
        self._prices = Prices()
        self._since = 0.0
        self._full = False
        self._gained_usd = 0.0
        self._typical_usd = 0.0

    def priced(self, prices: Prices) -> None:
        """Learn the prices of the tier and of GPU time."""
        self._prices = prices

    def capacity(self, now: float) -> int:
        """Return the bytes the tier may occupy."""
        return self._capacity

    def ghost_bytes(self) -> float:
        """Return how deep ghosts are worth keeping."""
        return self._capacity * self._config.margin

    def holds(self, size_bytes: int) -> None:
        """Learn the size of an entry: the tier must be able to hold it."""
        if size_bytes > self._least:
            self._least = min(self._most, size_bytes)
            self._capacity = max(self._capacity, self._least)

    def left(self, freed_bytes: int, now: float) -> None:
        """Learn that bytes left for want of room: the margin counts from now on."""
        if not self._full:
            self._full, self._since, self._gained_usd = True, now, 0.0

    def looked_up(self, gain_s: float, now: float) -> str | None:
        """Learn what ghosts within the margin would have saved; return why the capacity changed.

        ``None`` means that it did not change.
        """
        if not self._full:
            return None
        gain = gain_s * self._prices.gpu_usd_per_s
        if gain > 0:
            self._gained_usd += gain
            weight = 0.1 if self._typical_usd else 1.0
            self._typical_usd += weight * (gain - self._typical_usd)
        margin = self._capacity * self._config.margin
        cost = margin * self._prices.usd_per_byte_s * (now - self._since)
        enough = self._config.evidence * self._typical_usd
        if self._gained_usd >= max(enough, cost) and self._gained_usd > 0:
            return self._change(1 + self._config.step, cost)
        if cost >= max(enough, self._gained_usd) and cost > 0:
            return self._change(1 / (1 + self._config.step), cost)
        return None

    def _change(self, factor: float, cost: float) -> str | None:
        """Change the capacity and begin to gather evidence anew."""
        before, gained = self._capacity, self._gained_usd
        self._capacity = min(self._most, max(self._least, int(self._capacity * factor)))
        self._full, self._gained_usd = False, 0.0
        if self._capacity == before:
            return None
        word = "more" if factor > 1 else "less"
        return f"{word}: the margin saved ${gained:.4f} and cost ${cost:.4f}"
