"""The disk tier's index: an SQLite database that says which files are entries.

A row is written after its file is whole on disk and removed before its file goes, so after a crash
every row has its file, and a file without a row is an orphan.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_runtime.store.kept import KeptFacts
from chorus_traces.errors import EngineError

#: Version of files and index together. A store of another version is refused, never converted.
FORMAT = "chorus.store/1"

INDEX_NAME = "index.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    key INTEGER PRIMARY KEY, file TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    has_steps INTEGER NOT NULL, namespace TEXT NOT NULL, facts BLOB NOT NULL,
    embedding BLOB NOT NULL
);
"""


class Row(NamedTuple):
    """One entry on disk; ``size_bytes`` are the file's."""

    key: int
    file: str
    sha256: str
    size_bytes: int
    has_steps: bool
    facts: KeptFacts
    embedding: npt.NDArray[np.float32]


class EntryIndex:
    """The rows of one folder; held by one process at a time, safe from any of its threads.

    ``scope`` says whose latents these are: model, weights and embedder. Raises ``EngineError`` for
    a folder of another format or scope, one in use, and one that is damaged.
    """

    def __init__(self, folder: Path, scope: str) -> None:
        self._path = folder / INDEX_NAME
        self._lock = Lock()
        with self._clear_errors():
            # Waiting helps nobody here: whoever holds a store keeps it until it ends.
            self._database = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
            try:
                self._open(scope)
            except BaseException:
                self._database.close()
                raise

    def rows(self) -> list[Row]:
        """Return every row by rising key."""
        with self._lock, self._clear_errors():
            found = self._database.execute(
                "SELECT key, file, sha256, size_bytes, has_steps, facts, embedding FROM entries "
                "ORDER BY key"
            ).fetchall()
        return [
            Row(
                key, file, sha256, size_bytes, bool(steps), self._facts(key, facts), _vector(vector)
            )
            for key, file, sha256, size_bytes, steps, facts, vector in found
        ]

    def put(self, row: Row) -> None:
        """Write or replace a row; it is on disk when this returns."""
        values = (
            *row[:4],
            int(row.has_steps),
            row.facts.namespace,
            msgspec.json.encode(row.facts),
            row.embedding.astype("<f4").tobytes(),
        )
        with self._lock, self._clear_errors(), self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values
            )

    def remove(self, key: int) -> None:
        """Remove a row if it is there."""
        with self._lock, self._clear_errors(), self._database:
            self._database.execute("DELETE FROM entries WHERE key = ?", (key,))

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._database.close()

    def _open(self, scope: str) -> None:
        database = self._database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with database:
            # Takes the lock now rather than at the first write.
            database.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                database.execute(statement)
            about = dict(database.execute("SELECT name, value FROM about").fetchall())
            wanted = {"format": FORMAT, "scope": scope}
            if not about:
                database.executemany("INSERT INTO about VALUES (?, ?)", wanted.items())
                about = wanted
        self._check(about, wanted)

    def _check(self, about: dict[str, str], wanted: dict[str, str]) -> None:
        folder = self._path.parent
        if about.get("format") != wanted["format"]:
            raise EngineError(
                f"{folder}: a store of format {about.get('format')!r}; this version reads "
                f"{FORMAT!r} (name another folder, or delete this one)"
            )
        if about.get("scope") != wanted["scope"]:
            raise EngineError(
                f"{folder}: holds latents of {about.get('scope')!r}, not of "
                f"{wanted['scope']!r}; name another folder for this model"
            )

    def _facts(self, key: int, content: bytes) -> KeptFacts:
        try:
            return msgspec.json.decode(content, type=KeptFacts)
        except msgspec.DecodeError as error:
            raise EngineError(
                f"{self._path}: entry {key} is damaged: {error}; delete the folder"
            ) from error

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise EngineError(
                    f"{self._path.parent}: in use by another process; a store belongs to one"
                ) from error
            raise EngineError(f"{self._path}: cannot be used ({error})") from error
        except sqlite3.DatabaseError as error:
            raise EngineError(
                f"{self._path}: the index is damaged ({error}); delete the folder"
            ) from error


def _vector(content: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(content, dtype="<f4").astype(np.float32)
