"""The neighbours of one lookup, read from the index once however often they are asked for."""

from collections.abc import Iterator

from chorus_policies.entry import Entry


class Neighbours:
    """Resident entries with their similarity, most similar first; what was read is kept."""

    __slots__ = ("_read", "_rest")

    def __init__(self, rest: Iterator[tuple[Entry, float]]) -> None:
        self._rest = rest
        self._read: list[tuple[Entry, float]] = []

    def again(self) -> Iterator[tuple[Entry, float]]:
        """Yield them from the first on."""
        yield from self._read
        for one in self._rest:
            self._read.append(one)
            yield one
