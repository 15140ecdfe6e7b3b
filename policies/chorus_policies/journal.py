"""The journal: every call into ``Cache`` with its instant and its answer.

Simulator and runtime write the same rows. Rows are in call order, which breaks ties between equal
instants; replaying the calls gives the answers again, bit for bit.
"""

from collections.abc import Callable

import msgspec

#: What a driver calls.
CALLS = (
    "find_copy",
    "lookup",
    "release",
    "publish",
    "store",
    "abandon",
    "judged",
    "recall",
    "restore",
    "remove",
)

#: What can follow from a call.
CONSEQUENCES = ("evict", "demote", "trim", "resize")


class JournalRow(msgspec.Struct, frozen=True, gc=False):
    """One call, or a consequence of one.

    ``call`` is one of ``CALLS``, or of their ``CONSEQUENCES``: ``evict``, ``demote`` and ``trim``
    come before the ``store`` or ``publish`` that needed room, ``resize`` before the ``store`` or
    after the ``lookup`` or ``find_copy`` that led to it, with its own evictions following. A driver
    may add rows of its own, such as ``fallback``; a replay passes over them. ``key`` is the request
    (or the entry) the row is about. ``answer`` is the plan's kind, the tier stored to or left, or
    a reason. ``donor`` is -1 where there is none; ``size_bytes`` are those of the entry stored,
    moved or evicted, those a trim frees, or the new capacity.
    """

    now_s: float
    call: str
    key: int
    answer: str
    donor: int
    similarity: float
    k1: int
    k2: int
    size_bytes: int


class Journal:
    """Keeps rows in memory in call order; with ``keep=False`` it forgets them."""

    def __init__(self, *, keep: bool = True) -> None:
        self.keeps = keep
        self.rows: list[JournalRow] = []
        self.write: Callable[[JournalRow], None] = self.rows.append if keep else _forget

    @property
    def is_read(self) -> bool:
        """Tell whether rows go anywhere; where they do not, none needs to be made."""
        return self.write is not _forget


def _forget(row: JournalRow) -> None:
    del row
