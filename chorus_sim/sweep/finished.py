"""Finished points on disk: a file that only grows, a line for each, safe against a kill.

A line is the CRC-32 of its JSON, a space, the JSON. It is flushed to the disk before the point
counts as finished. A line that was cut short, or damaged later, fails its sum: the point is
computed again, and the file is replaced by its sound lines.
"""

import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from chorus_traces.atomic import replacing


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A finished point: its id, its numbers, and the CPU time of its run."""

    point: str
    row: dict[str, Any]
    cpu_s: float


class FinishedFile:
    """The finished points of one study; ``points`` by id."""

    def __init__(self, path: Path) -> None:
        self.points: dict[str, Finished] = {}
        self.damaged = 0
        sound = []
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            point = _read(line)
            if point is None:
                self.damaged += 1
            else:
                self.points[point.point] = point
                sound.append(line)
        if self.damaged:
            with replacing(path) as stream:
                stream.writelines(sound)
        self._stream = path.open("ab")

    def add(self, point: Finished) -> None:
        """Write a point and wait until it is on the disk."""
        content = msgspec.json.encode(point)
        self._stream.write(b"%08x %s\n" % (zlib.crc32(content), content))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.points[point.point] = point

    def __enter__(self) -> "FinishedFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stream.close()


def _read(line: bytes) -> Finished | None:
    """Return the point in a line, or ``None`` if the line is not whole."""
    total, _, content = line.partition(b" ")
    if not line.endswith(b"\n") or total != b"%08x" % zlib.crc32(content[:-1]):
        return None
    try:
        return msgspec.json.decode(content, type=Finished)
    except msgspec.DecodeError:
        return None
