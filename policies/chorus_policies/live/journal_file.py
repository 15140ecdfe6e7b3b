"""The journal as a table, and rows of it in a file of JSON lines."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from chorus_policies.journal import JournalRow
from chorus_traces.errors import PolicyError


def journal_table(rows: Iterable[JournalRow]) -> pa.Table:
    """Return the rows as columns, in call order."""
    kept = list(rows)
    columns: dict[str, Any] = {}
    for name in JournalRow.__struct_fields__:
        column = pa.array([getattr(row, name) for row in kept])
        columns[name] = column.dictionary_encode() if name in ("call", "answer") else column
    return pa.table(columns)


def read_journal(path: Path) -> list[JournalRow]:
    """Return the rows of a file of JSON lines; a torn last line is passed over.

    Raises ``PolicyError`` naming the line that cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}; a journal is needed") from error
    rows = []
    # What follows the last line feed is empty, or a line whose writer was killed.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            rows.append(msgspec.json.decode(line, type=JournalRow))
        except msgspec.MsgspecError as error:
            raise PolicyError(f"{path}:{number}: not a journal row: {error}") from error
    return rows
