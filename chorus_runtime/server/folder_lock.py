"""One server at a time on a log folder: a lock of the operating system, gone with its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from chorus_traces.errors import EngineError

_NAME = "server.lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is made if it is absent; a process that is killed lets go of it.

    Raises ``EngineError`` where another server holds it, and for one that cannot be used.
    """
    lock = FileLock(folder / _NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise EngineError(
            f"{folder}: in use by another server, whose requests these are; end that one, or name "
            "another folder"
        ) from error
    except OSError as error:
        raise EngineError(f"{folder}: cannot hold a log ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()
