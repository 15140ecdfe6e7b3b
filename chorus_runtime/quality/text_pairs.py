"""Pairs of prompts from a file, for models whose clips no program here can read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from chorus_traces.errors import EngineError

_SEEDS = 1_000_000


class Prompted(Protocol):
    """What a runner reads of a pair."""

    @property
    def old(self) -> str:
        """The donor's prompt."""

    @property
    def new(self) -> str:
        """The prompt that is asked for now."""

    @property
    def seed(self) -> int:
        """Of the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPair:
    """Two prompts; ``kind`` groups pairs in tables, ``wording`` being the control."""

    number: int
    kind: str
    old: str
    new: str
    seed: int


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    old: str
    new: str
    kind: str = "edit"


def read_pairs(path: Path, seed: int) -> list[TextPair]:
    """Return the pairs of a file of JSON lines ``{"old": ..., "new": ..., "kind": ...}``.

    ``kind`` may be left out. Empty lines are passed over. Raises ``EngineError`` for a file that
    cannot be read, a line that is no pair, an empty prompt, and a file without pairs.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror})") from error
    pairs: list[TextPair] = []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EngineError(
                f'{path}:{number}: not a pair ({error}); write {{"old": ..., "new": ...}}'
            ) from error
        for name in ("old", "new", "kind"):
            if not getattr(line, name).strip():
                raise EngineError(f"{path}:{number}: {name} is empty; text is needed")
        place = len(pairs)
        pairs.append(
            TextPair(
                number=place,
                kind=line.kind,
                old=line.old,
                new=line.new,
                seed=seed * _SEEDS + place,
            )
        )
    if not pairs:
        raise EngineError(f"{path}: no pairs; one JSON object a line is needed")
    return pairs
