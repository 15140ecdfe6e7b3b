"""A count-min sketch: how often each of very many things was seen, in fixed memory.

Four rows of small counters, each thing in one counter of every row; its estimate is the smallest of
the four, never below the truth until the counters are halved. Paper: Cormode and Muthukrishnan, "An
improved data stream summary: the count-min sketch and its applications", 2005; halving and
saturation as in TinyLFU. State: 4 x ``width`` bytes. Cost per call: O(1); halving is O(width).
"""

import hashlib

_ROWS = 4
_MOST = 15


class Sketch:
    """Counts up to 15 of every name; ``halve`` makes the past count half."""

    def __init__(self, width: int) -> None:
        """``width`` is rounded up to a power of two."""
        bits = max(4, (width - 1).bit_length())
        self._mask = (1 << bits) - 1
        self._rows = [bytearray(1 << bits) for _ in range(_ROWS)]

    def add(self, name: str) -> None:
        """Count ``name`` once more; only its smallest counters grow."""
        places = self._places(name)
        least = min(row[place] for row, place in zip(self._rows, places, strict=True))
        if least == _MOST:
            return
        for row, place in zip(self._rows, places, strict=True):
            if row[place] == least:
                row[place] = least + 1

    def estimate(self, name: str) -> int:
        """Return how often ``name`` was counted, or a little more."""
        places = self._places(name)
        return min(row[place] for row, place in zip(self._rows, places, strict=True))

    def halve(self) -> None:
        """Halve every counter, rounding down."""
        halves = bytes(value // 2 for value in range(256))
        self._rows = [row.translate(halves) for row in self._rows]

    def _places(self, name: str) -> list[int]:
        # Python's own hash of a text differs from process to process.
        digest = hashlib.blake2b(name.encode(), digest_size=4 * _ROWS).digest()
        return [
            int.from_bytes(digest[4 * row : 4 * row + 4], "little") & self._mask
            for row in range(_ROWS)
        ]
