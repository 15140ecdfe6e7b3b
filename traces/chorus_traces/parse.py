"""From one row of a file to the values of one request."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_traces import values
from chorus_traces.errors import TraceError
from chorus_traces.field_map import check_field_map
from chorus_traces.instants import Timestamps
from chorus_traces.request import REQUEST_FIELDS
from chorus_traces.rows import Row, RowFile

#: How each field but the instant is converted and checked.
CONVERSIONS: dict[str, Callable[[str, object], Any]] = {
    "id": values.identity,
    "prompt": values.text,
    "negative_prompt": values.text,
    "seed": values.whole,
    "model": values.text,
    "height": values.whole,
    "width": values.whole,
    "frames": values.whole,
    "steps": values.whole,
    "guidance": values.real,
    "tenant": values.label,
    "user": values.label,
    "conditioning": values.label,
}

#: Foreign names that often hold the prompt; used only to suggest a map.
_PROMPT_NAMES = ("text", "caption", "prompts", "input", "query", "description", "instruction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A parsed row: all of a request but its final arrival.

    ``instant`` is in seconds, since 1970 where ``from_epoch`` says so, else since the trace began;
    ``stated`` is how the file put it. ``values`` are keyword arguments of ``Request``. The
    embedding has shape ``(width,)``.
    """

    number: int
    instant: float
    from_epoch: bool
    stated: str
    values: dict[str, Any]
    embedding: npt.NDArray[np.float32] | None


class RowParser:
    """Turns the rows of one file to drafts, with every error at its place.

    The first row decides whether the file states ``arrival_s`` (which wins) or ``timestamp``. An
    own column that ``field_map`` replaces is not kept. With ``timed`` false no instants are read.
    A prompt must be stated but may be empty: services accept requests without words.
    """

    def __init__(
        self,
        source: RowFile,
        field_map: Mapping[str, str] | None = None,
        *,
        timed: bool = True,
    ) -> None:
        self.source = source
        self._conversions = CONVERSIONS
        self._map = dict(field_map or {})
        check_field_map(self._map)
        self._timed = timed
        self._timestamps = Timestamps()
        self._clock = ""
        self._seen: dict[str, None] = {}
        self._taken: set[str] | None = None

    def drafts(self) -> Iterator[Draft]:
        """Yield a draft per row. Raises ``TraceError`` on a bad row or a map that fits nothing."""
        for number, row in self.source:
            yield self.parse(number, row)
        for name, column in self._map.items():
            if self._seen and column not in self._seen:
                raise TraceError(f"{self.source.path}: {self._absent(name)}")

    def parse(self, number: int, row: Row) -> Draft:
        """Return the draft of one row; ``row`` is not kept."""
        self._seen.update(dict.fromkeys(row))
        try:
            return self._draft(number, self._unfolded(row) if self.source.tabular else row)
        except TraceError as error:
            raise TraceError(f"{self.source.where(number)}: {error}") from None

    def _draft(self, number: int, row: Row) -> Draft:
        found = {name: self._get(row, name) for name in CONVERSIONS}
        if found["prompt"] is None and self.source.tabular and self._column("prompt") in self._seen:
            found["prompt"] = ""
        if found["prompt"] is None:
            raise TraceError(self._absent("prompt"))
        instant, stated = self._instant(row)
        converted = {
            name: self._conversions[name](name, value)
            for name, value in found.items()
            if value is not None
        }
        embedding = self._get(row, "embedding")
        return Draft(
            number=number,
            instant=instant,
            from_epoch=self._clock == "timestamp",
            stated=stated,
            values={**converted, "extra": self._extra(row)},
            embedding=None if embedding is None else values.vector("embedding", embedding),
        )

    def _instant(self, row: Row) -> tuple[float, str]:
        if not self._timed:
            return 0.0, ""
        if not self._clock:
            self._clock = "timestamp" if self._get(row, "arrival_s") is None else "arrival_s"
        value = self._get(row, self._clock)
        if value is None:
            raise TraceError(self._absent(self._clock))
        if self._clock == "timestamp":
            return self._timestamps.seconds(value), f"timestamp {value}"
        seconds = values.real("arrival_s", value)
        return seconds, f"arrival_s {seconds}"

    def _get(self, row: Row, name: str) -> Any:
        return row.get(self._column(name))

    def _column(self, name: str) -> str:
        return self._map.get(name, name)

    def _extra(self, row: Row) -> dict[str, Any]:
        """Return what no field of a request takes; a NaN in a table is an empty cell."""
        if self._taken is None:
            known = (*REQUEST_FIELDS, "embedding", self._clock or "arrival_s")
            self._taken = {*REQUEST_FIELDS, "embedding"}
            self._taken |= {self._column(name) for name in known}
        return {
            name: values.plain(name, value)
            for name, value in row.items()
            if name not in self._taken and not (self.source.tabular and _is_nan(value))
        }

    def _unfolded(self, row: Row) -> Row:
        """Drop empty cells of a table; spread its column ``extra``, a JSON object, over the row."""
        stated = {name: value for name, value in row.items() if value is not None}
        folded = stated.get("extra")
        if not isinstance(folded, str) or not folded.startswith("{"):
            return stated
        try:
            spread = msgspec.json.decode(folded)
        except (msgspec.DecodeError, RecursionError):
            return stated
        del stated["extra"]
        twice = next((name for name in spread if name in stated), None)
        if twice is not None:
            raise TraceError(f"{twice!r} has a column and is in extra; one of the two is needed")
        return {**stated, **spread}

    def _absent(self, name: str) -> str:
        seen = ", ".join(list(self._seen)[:20])
        if name in self._map:
            return f"no {self._map[name]!r} (mapped to {name}); columns seen: {seen} (mend the map)"
        if name == "prompt":
            guess = next((each for each in _PROMPT_NAMES if each in self._seen), "COLUMN")
            return f"no prompt; columns seen: {seen} (name its column with --map prompt={guess})"
        if name == "timestamp":
            return (
                f"no arrival_s and no timestamp; columns seen: {seen} "
                "(name the column of instants with --map timestamp=COLUMN)"
            )
        return f"no {name}; every request needs it as the first row has it"


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
