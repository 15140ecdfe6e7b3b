"""Resident entries from which one is drawn with equal chance.

State per entry: a place in a list and its number. Cost per call: O(1).
"""

import random
from collections.abc import Container


class Pool:
    """A set of keys in a list without gaps: the last one fills the place of one that left."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._keys: list[int] = []
        self._place: dict[int, int] = {}

    def __contains__(self, key: int) -> bool:
        """Tell whether ``key`` is in the pool."""
        return key in self._place

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._keys)

    def add(self, key: int) -> None:
        """Put ``key`` in."""
        self._place[key] = len(self._keys)
        self._keys.append(key)

    def remove(self, key: int) -> None:
        """Take ``key`` out."""
        place = self._place.pop(key)
        last = self._keys.pop()
        if last != key:
            self._keys[place] = last
            self._place[last] = place

    def draw(self, passed: Container[int]) -> int:
        """Return a key drawn with equal chance, or the next one after it that is not ``passed``.

        At least one key must not be in ``passed``.
        """
        place = self._chance.randrange(len(self._keys))
        while self._keys[place] in passed:
            place = (place + 1) % len(self._keys)
        return self._keys[place]
