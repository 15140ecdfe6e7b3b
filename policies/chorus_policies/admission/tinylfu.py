"""TinyLFU: a result is kept only if its kind was asked for more often than its victim's.

A count-min sketch counts identities and, for a result made with reuse, the donor it came from, so
an entry's demand is that of its identity, of its own reuse and of its donor's. After ten requests
per entry that fits, all counts are halved. Paper: Einziger, Friedman and Manes, "TinyLFU: a highly
efficient cache admission policy", ACM ToS 2017. State: 4 bytes per counter, whatever is resident.
Cost per call: O(1) amortised. Left out: the window of W-TinyLFU, where a new entry gathers uses
before it is judged (admission here says yes or no at once and for good); the doorkeeper; copies,
which leave nothing to admit. A tie keeps the victim, as in the paper.
"""

import msgspec

from chorus_policies.admission.sketch import Sketch
from chorus_policies.entry import Entry
from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sketch.

    Fewer ``counters`` mix up more requests. A larger ``sample`` (requests per entry that fits)
    remembers longer and adapts later.
    """

    counters: int = 16_384
    sample: float = 10.0

    def __post_init__(self) -> None:
        if not 16 <= self.counters <= 2**26:
            raise ValueError(f"counters is {self.counters}; 16 to 67108864 is needed")
        if not 1 <= self.sample <= 1e6:
            raise ValueError(f"sample is {self.sample}; 1 to 1e6 requests per entry is needed")


class TinyLfu:
    """Counts what is asked for and compares candidate and victim."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._sketch = Sketch(config.counters)
        self._budget_bytes = config.sample * setting.capacity_bytes
        self._seen_bytes = 0

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Count the candidate's kind; return whether there is room or the victim is rarer."""
        self._seen_bytes += candidate.size_bytes
        if self._seen_bytes >= self._budget_bytes:
            # Bytes offered over bytes that fit are requests per entry that fits.
            self._seen_bytes = 0
            self._sketch.halve()
        if candidate.donor is not None:
            self._sketch.add(_reuse_of(candidate.donor))
        if candidate.identity is not None:
            self._sketch.add(_identity_of(candidate))
        return victim is None or self._demand(candidate) > self._demand(victim)

    def _demand(self, entry: Entry) -> int:
        demand = self._sketch.estimate(_reuse_of(entry.key))
        if entry.identity is not None:
            demand += self._sketch.estimate(_identity_of(entry))
        if entry.donor is not None:
            demand += self._sketch.estimate(_reuse_of(entry.donor))
        return demand


def _identity_of(entry: Entry) -> str:
    return f"{entry.namespace}/{entry.identity}"


def _reuse_of(key: int) -> str:
    return f"reuse of {key}"
