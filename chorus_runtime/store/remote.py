"""The remote tier: entries in a store that other machines reach too, by ``Blobs``.

An entry is its file, as on disk, and a row that says it counts: written after the file and removed
before it, so that a crash leaves files without rows, which are swept, and never the reverse. A
store belongs to one server at a time.
"""

import hashlib
from threading import Lock

import msgspec
import numpy as np

from chorus_runtime.store.entry_file import decode, encode, file_name
from chorus_runtime.store.index import FORMAT, Row
from chorus_runtime.store.kept import Kept, KeptFacts
from chorus_runtime.store.owned_blobs import owned_blobs
from chorus_traces.errors import EngineError

_ABOUT, _ENTRIES, _ROWS = "about", "entries", "rows"


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it is stored; the embedding is float32, little endian."""

    key: int
    file: str
    sha256: str
    size_bytes: int
    has_steps: bool
    facts: KeptFacts
    embedding: bytes


class Remote:
    """Writes, reads and deletes entries at ``url``, as ``Disk`` does in a folder.

    Raises ``EngineError`` for a store that cannot be reached, that another server has, and one of
    another format or scope.
    """

    def __init__(self, url: str, scope: str) -> None:
        self._blobs = owned_blobs(url)
        self._lock = Lock()
        try:
            self._check_about(scope)
            self.rows = self._found()
        except BaseException:
            self._blobs.close()
            raise

    @property
    def trouble(self) -> str:
        """Why nothing is written any more, empty while it is."""
        return self._blobs.trouble

    def check_room(self, size_bytes: int) -> None:
        """Believe that there is room: what does not fit is refused when it is written.

        Raises ``EngineError`` where another server has taken the store over.
        """
        del size_bytes
        if self.trouble:
            raise EngineError(self.trouble)

    def write(self, kept: Kept) -> Row:
        """Store an entry, in place of an earlier form of it, and return its row."""
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
        written = _Written(**{**row._asdict(), "embedding": row.embedding.astype("<f4").tobytes()})
        with self._lock:
            earlier = self.rows.get(kept.key)
            self._blobs.put(f"{_ENTRIES}/{row.file}", content)
            self._blobs.put(_row_name(row.key), msgspec.msgpack.encode(written))
            self.rows[row.key] = row
            if earlier is not None and earlier.file != row.file:
                self._blobs.delete(f"{_ENTRIES}/{earlier.file}")
        return row

    def read(self, row: Row) -> Kept:
        """Return an entry, on the CPU.

        Raises ``FileNotFoundError``, and ``EngineError`` for one that is damaged or out of reach.
        """
        place = f"{self._blobs.place}/{_ENTRIES}/{row.file}"
        content = self._blobs.get(f"{_ENTRIES}/{row.file}")
        return decode(content, place, row.key, row.sha256, row.facts)

    def remove(self, key: int) -> None:
        """Delete an entry if it is there: its row first."""
        with self._lock:
            row = self.rows.pop(key, None)
            if row is not None:
                self._blobs.delete(_row_name(key))
                self._blobs.delete(f"{_ENTRIES}/{row.file}")

    def close(self) -> None:
        """Let go of the connection."""
        self._blobs.close()

    def _check_about(self, scope: str) -> None:
        """Refuse a store of another format or of other latents; mark a new one as ours."""
        try:
            about = self._blobs.get(_ABOUT).decode(errors="replace")
        except FileNotFoundError:
            about = f"{FORMAT}\n{scope}"
            self._blobs.put(_ABOUT, about.encode())
        found = about.partition("\n")
        if found[0] != FORMAT:
            raise EngineError(
                f"{self._blobs.place}: a store of format {found[0]!r}; this version reads "
                f"{FORMAT!r} (name another place, or delete this one)"
            )
        if found[2] != scope:
            raise EngineError(
                f"{self._blobs.place}: holds latents of {found[2]!r}, not of {scope!r}; name "
                "another place for this model"
            )

    def _found(self) -> dict[int, Row]:
        """Return the rows that have their file by rising key; delete what is half there."""
        files = set(self._blobs.names(_ENTRIES))
        rows = {}
        for name in self._blobs.names(_ROWS):
            try:
                one = msgspec.msgpack.decode(self._blobs.get(name), type=_Written)
            except (FileNotFoundError, msgspec.MsgspecError) as error:
                raise EngineError(
                    f"{self._blobs.place}/{name}: damaged ({error}); delete the store"
                ) from error
            if f"{_ENTRIES}/{one.file}" not in files:
                self._blobs.delete(name)
                continue
            files.discard(f"{_ENTRIES}/{one.file}")
            fields = msgspec.structs.asdict(one)
            fields["embedding"] = np.frombuffer(one.embedding, dtype="<f4").astype(np.float32)
            rows[one.key] = Row(**fields)
        for orphan in files:
            self._blobs.delete(orphan)
        return dict(sorted(rows.items()))


def _row_name(key: int) -> str:
    return f"{_ROWS}/{key:012d}"
