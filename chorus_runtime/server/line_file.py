"""A file of JSON lines that is only ever added to."""

import os
from pathlib import Path
from typing import IO, Any

import msgspec

_ENCODER = msgspec.json.Encoder()


class LineFile:
    """Appends to ``path``; a line is with the operating system when ``write`` returns.

    A process that is killed leaves at most one torn line, at the end. A write that fails is undone,
    so that the next line starts on its own. Raises ``OSError``.
    """

    def __init__(self, path: Path) -> None:
        self._stream: IO[bytes] = path.open("ab", buffering=0)

    def write(self, value: Any) -> None:
        """Append one value as a line."""
        line = _ENCODER.encode(value) + b"\n"
        written = 0
        try:
            while written < len(line):
                written += self._stream.write(line[written:])
        except OSError:
            if written:
                self._stream.truncate(self._stream.tell() - written)
            raise

    def sync(self) -> None:
        """Bring every line to the disk itself, where it outlives a loss of power."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._stream.close()
