"""Where a shared store keeps its bytes: a Redis server, or any file system fsspec knows.

Both say the same things: put, get, delete, and which names there are. Errors of either become
``EngineError``, so that a store that cannot be reached costs reuse and not answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit, urlunsplit

from chorus_traces.errors import EngineError

#: Seconds until a server that does not answer is given up for this time.
_PATIENCE_S = 5.0

_REDIS = ("redis", "rediss", "unix")


class Blobs(Protocol):
    """Bytes by name. All methods may be called from any thread and raise ``EngineError``."""

    place: str

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes, whole or not at all."""

    def get(self, name: str) -> bytes:
        """Return bytes. Raises ``FileNotFoundError`` where there are none."""

    def delete(self, name: str) -> None:
        """Delete bytes if they are there."""

    def names(self, folder: str) -> list[str]:
        """Return the names that begin with ``folder`` and a slash, sorted."""

    def close(self) -> None:
        """Let go of connections."""


def open_blobs(url: str) -> "RedisBlobs | FileBlobs":
    """Return what keeps the bytes of ``url``: redis://HOST:PORT/DB?prefix=NAME, or as fsspec reads.

    Raises ``EngineError`` for one that cannot be reached, and ``ModuleNotFoundError`` where redis
    or fsspec is missing.
    """
    return RedisBlobs(url) if urlsplit(url).scheme in _REDIS else FileBlobs(url)


class RedisBlobs:
    """Keys below a prefix, ``chorus`` unless the address says ``?prefix=NAME``."""

    def __init__(self, url: str) -> None:
        import redis

        parts = urlsplit(url)
        query = parse_qs(parts.query)
        self._prefix = query.get("prefix", ["chorus"])[0] + "/"
        self.place = urlunsplit(parts._replace(query="", netloc=parts.netloc.rpartition("@")[2]))
        self._failures = (redis.RedisError, OSError)
        with self._clear_errors():
            self._server: Any = redis.Redis.from_url(
                urlunsplit(parts._replace(query="")),
                socket_timeout=_PATIENCE_S,
                socket_connect_timeout=_PATIENCE_S,
            )
            self._server.ping()

    def put(self, name: str, content: bytes, *, for_s: int | None = None) -> None:
        """Keep bytes, for some seconds where that is stated."""
        with self._clear_errors():
            self._server.set(self._prefix + name, content, ex=for_s)

    def get(self, name: str) -> bytes:
        """Return bytes."""
        with self._clear_errors():
            content = self._server.get(self._prefix + name)
        if content is None:
            raise FileNotFoundError(name)
        return bytes(content)

    def delete(self, name: str) -> None:
        """Delete bytes if they are there."""
        with self._clear_errors():
            self._server.delete(self._prefix + name)

    def names(self, folder: str) -> list[str]:
        """Return the names below a folder."""
        with self._clear_errors():
            found = self._server.scan_iter(match=f"{self._prefix}{folder}/*", count=1000)
            return sorted({key.decode().removeprefix(self._prefix) for key in found})

    def run(self, script: str, names: Sequence[str], *arguments: bytes | int) -> Any:
        """Carry out a Lua script on the keys of ``names``: nobody comes between its calls."""
        keys = [self._prefix + name for name in names]
        with self._clear_errors():
            return self._server.eval(script, len(keys), *keys, *arguments)

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise EngineError(f"{self.place}: not the address of a store ({error})") from error
        except self._failures as error:
            raise EngineError(f"{self.place}: cannot be reached ({error})") from error


class FileBlobs:
    """Files below a folder of any file system fsspec reads: file://, s3://, gs://, memory:// ..."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.place = url.rstrip("/")
        with self._clear_errors():
            self._files, root = fsspec.core.url_to_fs(self.place)
            self._root = root.rstrip("/")
            names = self._files.protocol
            self._protocols = {names} if isinstance(names, str) else set(names)
            try:
                self._files.makedirs(self._root, exist_ok=True)
            except FileNotFoundError as error:
                raise EngineError(f"{self.place}: cannot be used ({error})") from error

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes: under another name first, where the file system would show half of them."""
        part = self._path(f"parts/{name.replace('/', '-')}")
        with self._clear_errors():
            for path in (part, self._path(name)):
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(part, content)
            self._files.mv(part, self._path(name))

    def get(self, name: str) -> bytes:
        """Return bytes."""
        with self._clear_errors():
            return bytes(self._files.cat_file(self._path(name)))

    def delete(self, name: str) -> None:
        """Delete bytes if they are there."""
        with self._clear_errors():
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def names(self, folder: str) -> list[str]:
        """Return the names below a folder."""
        with self._clear_errors():
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._path(folder))
            except FileNotFoundError:
                return []
        return sorted(str(path).rpartition(f"{self._root}/")[2] for path in found)

    @property
    def local_folder(self) -> Path | None:
        """The folder, where it is one of this machine's file system, mounted ones included."""
        return Path(self._root) if "file" in self._protocols else None

    @property
    def is_private(self) -> bool:
        """Tell whether nobody but this process can see it."""
        return "memory" in self._protocols

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, ValueError, ImportError) as error:
            if isinstance(error, ModuleNotFoundError):
                raise
            raise EngineError(f"{self.place}: cannot be used ({error})") from error
