"""Foreign traces: an adapter is a field map and a small change to each row, nothing more.

Public dumps are not in order of time and hold rows that are no requests. An adapter leaves such
rows out, says how many in one warning, and sorts the rest by their instants; ``read_trace`` does
neither. Column names are those of the sources' own documentation.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chorus_traces import values
from chorus_traces.arrivals import with_arrivals
from chorus_traces.errors import TraceError, unknown
from chorus_traces.parse import Draft, RowParser
from chorus_traces.read import assemble
from chorus_traces.rows import Row, RowFile
from chorus_traces.trace import Trace

_log = logging.getLogger(__name__)

#: DiffusionDB's numbers for samplers; 9 stands for several others.
_SAMPLERS = {
    1: "ddim",
    2: "plms",
    3: "k_euler",
    4: "k_euler_ancestral",
    5: "k_heun",
    6: "k_dpm_2",
    7: "k_dpm_2_ancestral",
    8: "k_lms",
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """How one source's rows become ours.

    ``change`` gets a row of its own and returns it, or ``None`` to leave it out; then fields are
    renamed by ``field_map`` (our name = foreign name) where the row has the foreign one.
    """

    about: str
    field_map: Mapping[str, str]
    change: Callable[[Row], Row | None]


def _diffusiondb(row: Row) -> Row | None:
    # An image deleted before the second scrape has neither user nor instant.
    if "timestamp" in row and row["timestamp"] is None:
        return None
    # All deleted accounts share one name, which is no user.
    if row.get("user_name") == "deleted_account":
        row["user_name"] = None
    if row.get("sampler") in _SAMPLERS:
        row["scheduler"] = _SAMPLERS[row.pop("sampler")]
    return row


def _vidprom(row: Row) -> Row:
    return {**row, "time": _iso(row["time"])} if row.get("time") else row


def _bench(row: Row) -> Row:
    for name in ("text", "conversations"):
        if "prompt" not in row and name in row:
            row["prompt"] = _first_turn(row.pop(name))
    for name in ("timestamp_ms", "arrival_ms", "offset_ms", "timestamp"):
        if row.get("arrival_s") is None and row.get(name) is not None:
            try:
                row["arrival_s"] = values.real(name, row[name]) / 1000
            except TraceError:
                continue  # ISO 8601: the parser reads it
            del row[name]
    return row


def _first_turn(turns: object) -> object:
    """Return the first message of a ShareGPT-like conversation, or the text itself."""
    first = turns[0] if isinstance(turns, list) and turns else turns
    return first.get("value", first.get("content")) if isinstance(first, dict) else first


def _iso(written: object) -> str:
    """Return C's ``asctime`` notation ("Sun Sep  3 12:27:44 2023", UTC) as ISO 8601."""
    try:
        _, month, day, clock, year = str(written).split()
        return f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}+00:00"
    except ValueError:
        raise TraceError(f"time is {written!r}; 'Sun Sep  3 12:27:44 2023' is needed") from None


#: Adapters by the name ``convert`` takes.
ADAPTERS: Mapping[str, Adapter] = {
    "bench": Adapter(
        about="JSON lines of load generators (vLLM, vLLM-Omni, SGLang, ShareGPT-like): "
        "prompt, text or conversations; a number in timestamp or *_ms counts milliseconds",
        field_map={
            "id": "request_id",
            "frames": "num_frames",
            "steps": "num_inference_steps",
            "guidance": "guidance_scale",
        },
        change=_bench,
    ),
    "diffusiondb": Adapter(
        about="metadata.parquet of DiffusionDB (CC0 1.0): text-to-image prompts with users",
        field_map={
            "id": "image_name",
            "steps": "step",
            "guidance": "cfg",
            "user": "user_name",
        },
        change=_diffusiondb,
    ),
    "vidprom": Adapter(
        about="VidProM_unique.csv of VidProM (CC BY-NC 4.0): text-to-video prompts without users",
        field_map={"id": "uuid", "timestamp": "time"},
        change=_vidprom,
    ),
}


def read_foreign(path: Path, adapter: str, *, arrivals: Path | None = None) -> Trace:
    """Return the trace in a foreign file, through the adapter of that name.

    Requests are sorted by their instants, equal ones in file order, and shifted to begin at 0. With
    ``arrivals`` the file's own instants are ignored and its order kept; ``with_arrivals`` then
    gives the instants. Raises ``TraceError`` as ``read_trace`` does, and on an unknown adapter.
    """
    if adapter not in ADAPTERS:
        raise TraceError(unknown("adapter", adapter, ADAPTERS))
    source = RowFile(path)
    drafts = _drafts(source, ADAPTERS[adapter], timed=arrivals is None)
    if arrivals is None:
        drafts.sort(key=lambda draft: draft.instant)
    trace = assemble(drafts, source, from_first=True)
    return trace if arrivals is None else with_arrivals(trace, arrivals)


def _drafts(source: RowFile, adapter: Adapter, *, timed: bool) -> list[Draft]:
    parser = RowParser(source, timed=timed)
    drafts: list[Draft] = []
    left_out = 0
    for number, row in source:
        try:
            changed = adapter.change(row)
            if changed is not None:
                changed = _renamed(changed, adapter.field_map)
                _expect(changed, timed=timed)
        except TraceError as error:
            raise TraceError(f"{source.where(number)}: {error}") from None
        if changed is None or not str(changed["prompt"] or "").strip():
            left_out += 1
        else:
            drafts.append(parser.parse(number, changed))
    if left_out:
        _log.warning("%s: left out %d rows without a prompt or an instant", source.path, left_out)
    return drafts


def _renamed(row: Row, field_map: Mapping[str, str]) -> Row:
    for ours, theirs in field_map.items():
        if theirs in row:
            row[ours] = row.pop(theirs)
    return row


def _expect(row: Row, *, timed: bool) -> None:
    seen = ", ".join(list(row)[:20])
    if "prompt" not in row:
        raise TraceError(
            f"no prompt; fields seen: {seen} (use another adapter, or none and a field map)"
        )
    if timed and row.get("arrival_s") is None and row.get("timestamp") is None:
        raise TraceError(f"no instant; fields seen: {seen} (join instants with --arrivals FILE)")
