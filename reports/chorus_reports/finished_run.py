"""The finished run: what a run folder holds, as plain tables and columns."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from chorus_policies.plan import PLAN_KINDS
from chorus_traces.errors import ScenarioError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Stages of a request in the order they happen.
STAGES = (
    "text_encode_s",
    "embed_s",
    "lookup_s",
    "load_s",
    "denoise_s",
    "vae_decode_s",
    "video_encode_s",
    "store_s",
)
_RECORD_COLUMNS = ("arrival_s", "start_s", "finish_s", "held_s", "worker", "donor", "similarity")

#: What a run that was asked to explain itself leaves beside its summary.
EXPLANATION = "explanation.json"
_CALLS = ("store", "evict", "demote", "remove", "trim", "publish", "abandon", "restore")

#: The place after those: step latents that leave with a finished run, which nobody decided.
_SHED = len(_CALLS)


class FinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run folder in memory.

    ``records`` are columns over all requests in arrival order, ``kind`` their place in
    ``PLAN_KINDS``. ``moves`` are the journal rows that change what is resident: instant, place of
    the call in ``_CALLS``, key, tier and bytes. A store that was refused is no move, and a trim by
    which step latents leave with their finished run has the place after all calls. ``tiers`` are
    their names from the first down. ``resizes`` are the changes of the first tier's capacity.
    ``explanation`` is ``None`` where the run was not explained.
    """

    summary: dict[str, Any]
    scenario_toml: str
    scenario: dict[str, Any]
    records: dict[str, FloatArray]
    kind: IntArray
    moves: dict[str, FloatArray]
    resizes: dict[str, FloatArray]
    tiers: tuple[str, ...]
    explanation: dict[str, Any] | None

    @property
    def cut(self) -> int:
        """Number of leading requests discarded as warm-up."""
        return int(self.summary["warm_up"]["discarded"])

    @property
    def begin_s(self) -> float:
        """Instant of the first arrival."""
        return float(self.records["arrival_s"][0])

    @property
    def end_s(self) -> float:
        """Instant at which the last result was stored."""
        released = self.records["start_s"] + self.records["held_s"]
        return float(max(self.records["finish_s"].max(), released.max()))

    def counted(self, column: str) -> FloatArray:
        """Return a column of the records after the warm-up."""
        return self.records[column][self.cut :]

    def counted_kind(self) -> IntArray:
        """Return the kinds after the warm-up."""
        return self.kind[self.cut :]

    def columns(self) -> dict[str, dict[str, Any]]:
        """Return the policy's summary and those of the bounds, by name, the policy first."""
        return {"policy": self.summary, **self.summary["bounds"]}


def read_run(folder: Path) -> FinishedRun:
    """Read a run folder. Raises ``ScenarioError`` on a file that is missing or damaged."""
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        toml = (folder / "scenario.toml").read_text(encoding="utf-8")
        scenario = tomllib.loads(toml)
        requests = pq.read_table(folder / "requests.parquet")
        journal = pq.read_table(folder / "journal.parquet")
        explained = folder / EXPLANATION
        explanation = json.loads(explained.read_bytes()) if explained.exists() else None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ScenarioError(
            f"{folder}: not a whole run folder ({error}); run the scenario again"
        ) from error
    cache = scenario["cache"]
    tiers = (cache["tier"], *(tier["name"] for tier in cache["below"]))
    return FinishedRun(
        summary=summary,
        scenario_toml=toml,
        scenario=scenario,
        records={name: _floats(requests[name]) for name in (*_RECORD_COLUMNS, *STAGES)},
        kind=_places(requests["kind"], PLAN_KINDS),
        moves=_moves(journal, tiers),
        resizes=_resizes(journal),
        tiers=tiers,
        explanation=explanation,
    )


def _moves(journal: pa.Table, tiers: tuple[str, ...]) -> dict[str, FloatArray]:
    call, tier = _places(journal["call"], _CALLS), _places(journal["answer"], tiers)
    keys = _floats(journal["key"])
    # What was published in flight has its place already when it is stored.
    placed = np.unique(keys[(call == _CALLS.index("publish")) & (tier >= 0)])
    again = (call == _CALLS.index("store")) & np.isin(keys, placed)
    # Its step latents left a row earlier.
    shed = (call == _CALLS.index("trim")) & np.roll(again, -1) & (keys == np.roll(keys, -1))
    call[shed] = _SHED
    moving = np.flatnonzero((call >= 0) & (tier >= 0) & ~again)
    columns = {name: _floats(journal[name])[moving] for name in ("now_s", "key", "size_bytes")}
    return {**columns, "call": call[moving].astype(float), "tier": tier[moving].astype(float)}


def _resizes(journal: pa.Table) -> dict[str, FloatArray]:
    rows = np.flatnonzero(_places(journal["call"], ("resize",)) == 0)
    return {name: _floats(journal[name])[rows] for name in ("now_s", "size_bytes")}


def _floats(column: pa.ChunkedArray) -> FloatArray:
    """Return a column as floats, NaN where it has no value."""
    floats: FloatArray = column.cast("float64").to_numpy()
    return floats


def _places(column: pa.ChunkedArray, order: tuple[str, ...]) -> IntArray:
    """Return the place of each text in ``order``, -1 where it has none."""
    known = {text: place for place, text in enumerate(order)}
    parts = [np.empty(0, dtype=np.int64)]
    for chunk in column.chunks:
        place = np.array([known.get(text, -1) for text in chunk.dictionary.to_pylist()], dtype=int)
        parts.append(place[chunk.indices.to_numpy(zero_copy_only=False)])
    return np.concatenate(parts)
