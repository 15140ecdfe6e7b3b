"""What a reuse part learned from judged results, in a form that outlives its process."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec


class Learned(msgspec.Struct, frozen=True, array_like=True):
    """Judged and disappointing results of one bucket; its key means something to its part alone."""

    key: tuple[bool | int | str, ...]
    judged: float
    bad: float


@runtime_checkable
class Learner(Protocol):
    """A reuse part whose experience can be kept."""

    def learned(self) -> tuple[Learned, ...]:
        """Return all that was learned so far."""

    def recall(self, learned: Sequence[Learned]) -> None:
        """Know what an earlier run learned, in place of what is known now."""
