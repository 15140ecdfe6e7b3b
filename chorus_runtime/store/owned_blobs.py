"""A shared store that is one server's alone: by a lease on Redis, by a lock on file systems.

A lock of the operating system holds on NFS as well. An object store has none: there a rule keeps a
second server out, and the log says so.
"""

import logging
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from chorus_runtime.store.blobs import Blobs, FileBlobs, open_blobs
from chorus_runtime.store.lease import LeasedRedis
from chorus_traces.errors import EngineError

_LOCK = "server.lock"

_LOG = logging.getLogger("chorus.store")


class OwnedBlobs(Blobs, Protocol):
    """Bytes by name that nobody else writes; ``trouble`` says that somebody does after all."""

    trouble: str


def owned_blobs(url: str) -> OwnedBlobs:
    """Return the bytes of ``url``, held for this process.

    Raises ``EngineError`` where another one holds them, and as ``open_blobs`` does.
    """
    blobs = open_blobs(url)
    try:
        if isinstance(blobs, FileBlobs):
            return LockedFiles(blobs)
        return LeasedRedis(blobs)
    except BaseException:
        blobs.close()
        raise


class LockedFiles:
    """``Blobs`` on a file system, with a lock that is gone with its process."""

    def __init__(self, blobs: FileBlobs) -> None:
        self.place = blobs.place
        self.trouble = ""
        self.put, self.get = blobs.put, blobs.get
        self.delete, self.names = blobs.delete, blobs.names
        folder = blobs.local_folder
        self._lock = None if folder is None else _held(folder, self.place)
        if folder is None and not blobs.is_private:
            _LOG.warning("%s: nothing keeps a second server out; see to it yourself", self.place)

    def close(self) -> None:
        """Let the next server in."""
        if self._lock is not None:
            self._lock.release()


def _held(folder: Path, place: str) -> FileLock:
    # Whoever closes a store may be another thread than its opener.
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise EngineError(
            f"{place}: in use by another server; end that one, or name another place"
        ) from error
    except OSError as error:
        raise EngineError(f"{place}: cannot be used ({error.strerror})") from error
    return lock
