"""The disk tier: a folder of entry files and the index that says which of them count."""

import hashlib
import shutil
from pathlib import Path

from chorus_runtime.store.entry_file import (
    PART,
    SUFFIX,
    encode,
    file_name,
    read_entry,
    write_whole,
)
from chorus_runtime.store.index import EntryIndex, Row
from chorus_runtime.store.kept import Kept
from chorus_traces.errors import EngineError

#: Left free on the disk: the index needs room to say that an entry is gone.
RESERVE_BYTES = 16 * 2**20


class Disk:
    """Writes, reads and deletes entries below ``folder``, which is made if it is absent.

    Orphans (files without a row: what a crash left half done) are deleted at the start, and rows
    whose file is gone as well. Raises ``EngineError`` for a folder that cannot be used.
    """

    def __init__(self, folder: Path, scope: str) -> None:
        self._folder = folder
        self._entries = folder / "entries"
        try:
            self._entries.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{folder}: cannot hold a store ({error.strerror})") from error
        self._index = EntryIndex(folder, scope)
        try:
            self.rows = {row.key: row for row in self._swept(self._index.rows())}
        except BaseException:
            self._index.close()
            raise

    def check_room(self, size_bytes: int) -> None:
        """Raise ``EngineError`` where ``size_bytes`` more do not fit on the disk."""
        free = shutil.disk_usage(self._folder).free
        if size_bytes + RESERVE_BYTES > free:
            raise EngineError(
                f"{self._folder}: the disk is full: {size_bytes} bytes are needed, {free} are free"
            )

    def write(self, kept: Kept) -> Row:
        """Put an entry on disk, in place of an earlier form of it, and return its row.

        Raises ``EngineError`` when it cannot be written; an earlier form is untouched then.
        """
        content = encode(kept)
        digest = hashlib.sha256(content).hexdigest()
        row = Row(
            key=kept.key,
            file=file_name(kept.key, digest),
            sha256=digest,
            size_bytes=len(content),
            has_steps=bool(kept.steps),
            facts=kept.facts,
            embedding=kept.embedding,
        )
        earlier = self.rows.get(kept.key)
        try:
            write_whole(self._entries / row.file, content)
        except OSError as error:
            raise EngineError(
                f"{self._entries / row.file}: cannot be written ({error.strerror})"
            ) from error
        self._index.put(row)
        self.rows[row.key] = row
        if earlier is not None and earlier.file != row.file:
            self._delete(earlier.file)
        return row

    def read(self, row: Row) -> Kept:
        """Return an entry, on the CPU. Raises like ``read_entry``."""
        return read_entry(self._entries / row.file, row.key, row.sha256, row.facts)

    def remove(self, key: int) -> None:
        """Delete an entry if it is there: its row first."""
        row = self.rows.pop(key, None)
        if row is not None:
            self._index.remove(key)
            self._delete(row.file)

    def close(self) -> None:
        """Let go of the index; another process may open the folder."""
        self._index.close()

    def _swept(self, rows: list[Row]) -> list[Row]:
        """Delete orphans; return the rows that have their file."""
        present = {path.name for path in self._entries.iterdir()}
        for orphan in sorted(present - {row.file for row in rows}):
            if orphan.endswith((PART, SUFFIX)):
                self._delete(orphan)
        for row in rows:
            if row.file not in present:
                self._index.remove(row.key)
        return [row for row in rows if row.file in present]

    def _delete(self, name: str) -> None:
        try:
            (self._entries / name).unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(
                f"{self._entries / name}: cannot be deleted ({error.strerror})"
            ) from error
