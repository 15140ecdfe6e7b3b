"""Who wants to be told what was asked of the cache and what it answered, as it happens."""

from typing import Protocol

from chorus_policies.journal import JournalRow
from chorus_policies.live.calls import Call


class RunLog(Protocol):
    """Gets calls and rows in order, under the cache's lock; it must be quick and must not raise."""

    def call(self, call: Call) -> None:
        """Keep a call; its rows come after it, but for a removal, whose row comes first."""

    def row(self, row: JournalRow) -> None:
        """Keep a row of the journal."""
