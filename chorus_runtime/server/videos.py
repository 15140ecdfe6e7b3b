"""Finished videos on disk, as many as age and size allow: each an mp4 file with its facts beside.

A file appears whole or not at all, its facts before it, so a video that is there can be told of.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import msgspec

from chorus_runtime.clock import epoch_s
from chorus_runtime.server.job import Facts
from chorus_traces.errors import EngineError

_VIDEO, _FACTS, _PART = ".mp4", ".json", ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """What is kept: bytes of all videos together, and seconds after a video was finished."""

    size_bytes: int = 2**30
    age_s: float = 24 * 3600.0


def video_name(tenant: str, name: str) -> str:
    """Return the file name of a video, which says nothing of whose it is."""
    return hashlib.blake2b(f"{tenant}\0{name}".encode(), digest_size=16).hexdigest()


class VideoFolder:
    """Keeps videos by name below ``folder``. Methods may be called from any thread.

    ``forgotten`` is told the name of each video that is dropped. Raises ``EngineError`` for a
    folder that cannot be used.
    """

    def __init__(
        self, folder: Path, limits: VideoLimits, forgotten: Callable[[str], None] | None = None
    ) -> None:
        self._folder = folder
        self.limits = limits
        self.forgotten = forgotten
        self._lock = Lock()
        self._kept: dict[str, tuple[float, int]] = {}
        self._size_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob(f"*{_PART}*"):
                path.unlink()
        except OSError as error:
            raise EngineError(f"{folder}: cannot hold videos ({error.strerror})") from error

    def found(self) -> list[Facts]:
        """Return the facts of the videos an earlier run left, oldest first, and keep those."""
        facts = []
        for path in self._folder.glob(f"*{_FACTS}"):
            try:
                one = msgspec.json.decode(path.read_bytes(), type=Facts)
                size = path.with_suffix(_VIDEO).stat().st_size
            except (OSError, msgspec.MsgspecError):
                # Killed between the two files: the job is in the log and is made again.
                path.unlink(missing_ok=True)
                continue
            facts.append((one, path.stem, size))
        facts.sort(key=lambda row: row[0].completed_at or 0.0)
        with self._lock:
            for one, name, size in facts:
                self._kept[name] = (one.completed_at or 0.0, size)
                self._size_bytes += size
        for name in self.expired():
            self.drop(name)
        return [one for one, name, _ in facts if name in self._kept]

    def part(self, name: str) -> Path:
        """Return where to write a video before ``keep``."""
        return self._folder / f"{name}{_PART}{_VIDEO}"

    def path(self, name: str) -> Path | None:
        """Return the file of a video, ``None`` where it is not kept any more."""
        return self._folder / f"{name}{_VIDEO}" if name in self._kept else None

    def give_up(self, name: str) -> None:
        """Delete what was written to ``part``, if anything was."""
        with suppress(OSError):
            self.part(name).unlink(missing_ok=True)

    def keep(self, name: str, facts: Facts) -> None:
        """Keep what was written to ``part``. Raises ``OSError``; nothing is kept then."""
        part, final = self.part(name), self._folder / f"{name}{_VIDEO}"
        try:
            size = part.stat().st_size
            self.write_facts(name, facts)
            part.replace(final)
        except OSError:
            self.give_up(name)
            raise
        with self._lock:
            self._size_bytes += size - self._kept.pop(name, (0.0, 0))[1]
            self._kept[name] = (facts.completed_at or 0.0, size)
        for old in self.expired():
            self.drop(old)

    def link(self, source: str, name: str) -> bool:
        """Make ``part`` of ``name`` the same file as another video's; tell whether it was there."""
        path = self.path(source)
        if path is None:
            return False
        try:
            os.link(path, self.part(name))
        except OSError:
            return False
        return True

    def write_facts(self, name: str, facts: Facts) -> None:
        """Write what is told of a video. Raises ``OSError``."""
        part = self._folder / f"{name}{_PART}{_FACTS}"
        try:
            part.write_bytes(msgspec.json.encode(facts))
            part.replace(self._folder / f"{name}{_FACTS}")
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def expired(self) -> list[str]:
        """Return the videos that limits let go, oldest first."""
        with self._lock:
            left, size, old = epoch_s() - self.limits.age_s, self._size_bytes, []
            for name, (completed_s, size_bytes) in self._kept.items():
                if completed_s >= left and size <= self.limits.size_bytes:
                    break
                old.append(name)
                size -= size_bytes
        return old

    def drop(self, name: str) -> None:
        """Delete a video if it is there."""
        with self._lock:
            kept = self._kept.pop(name, None)
            self._size_bytes -= 0 if kept is None else kept[1]
        for suffix in (_VIDEO, _FACTS):
            # What cannot be deleted now is found, and dropped again, by the next run.
            with suppress(OSError):
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        if kept is not None and self.forgotten is not None:
            self.forgotten(name)
