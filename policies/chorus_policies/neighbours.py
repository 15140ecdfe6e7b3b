"""The neighbours of one lookup, read from the index once however often they are asked for."""

from collections.abc import Iterator, Mapping

from chorus_policies.entry import Entry


class Neighbours:
    """Entries with their similarity, most similar first; what was read is kept.

    ``found`` yields keys of ``entries`` with their similarity.
    """

    __slots__ = ("_entries", "_found", "_read")

    def __init__(self, found: Iterator[tuple[int, float]], entries: Mapping[int, Entry]) -> None:
        self._found = found
        self._entries = entries
        self._read: list[tuple[Entry, float]] = []

    def again(self) -> Iterator[tuple[Entry, float]]:
        """Yield them from the first on."""
        entries, read = self._entries, self._read
        if read:
            yield from read
        for key, similarity in self._found:
            one = (entries[key], similarity)
            read.append(one)
            yield one
