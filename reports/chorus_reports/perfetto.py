"""The timeline of a window of a run as a Chrome trace, for ui.perfetto.dev or chrome://tracing.

Each GPU worker is a thread; a request is a slice of it that holds its stages. Waiting requests and
copies answered on arrival overlap, so they are asynchronous slices on tracks of their own. An arrow
leads from where a donor was stored to where it is loaded, where both lie in the window. Counters
show the queue, the busy GPUs and the bytes of each tier. Format: "Trace Event Format" (Google,
2016), JSON object form; instants are microseconds of the run.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from chorus_policies.costs.profile import Profile
from chorus_reports.finished_run import STAGES, FinishedRun, FloatArray, read_run
from chorus_reports.plots.cache_bytes import occupied_by_tier
from chorus_reports.timeline import Timeline
from chorus_traces.errors import ScenarioError

_PID = 1
_QUEUE_TID, _COPIES_TID, _FIRST_WORKER_TID = 1, 2, 10
_US = 1e6

#: A difference of sums below this is rounding.
_ROUNDING_S = 1e-6

#: Stages before denoising and after it, in the order they happen, with the names of their slices.
_BEFORE = {"text_encode_s": "text encode", "embed_s": "embed", "lookup_s": "lookup"}
_AFTER = {"vae_decode_s": "decode", "video_encode_s": "encode", "store_s": "store"}

_Event = dict[str, Any]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a run that is drawn, in seconds of the run."""

    begin_s: float
    end_s: float


def write_perfetto(folder: Path, window: Window, out: Path) -> int:
    """Write the trace of ``window`` of the run in ``folder`` to ``out``; return its requests.

    A request is drawn whole where any of it lies in the window. ``out`` is compressed where its
    name ends in ``.gz``. Raises ``ScenarioError`` on a folder that is no run, a window without
    requests, and a file that cannot be written.
    """
    run = read_run(folder)
    rows = _rows(folder, run, window)
    if not rows:
        raise ScenarioError(
            f"{folder}: no request lies between {window.begin_s:g} s and {window.end_s:g} s; the "
            f"run goes from {run.begin_s:.0f} s to {run.end_s:.0f} s, name a window of it"
        )
    profiles = read_profiles(folder)
    events = [*_names(run), *_counters(run, window)]
    for row in rows:
        events += _request(row, profiles)
    events += _arrows(rows)
    text = json.dumps(
        {"displayTimeUnit": "ms", "otherData": _about(run, window), "traceEvents": events},
        separators=(",", ":"),
    ).encode()
    try:
        out.write_bytes(gzip.compress(text, mtime=0) if out.suffix == ".gz" else text)
    except OSError as error:
        raise ScenarioError(f"--out {out}: {error.strerror}; name another file") from error
    return len(rows)


def _rows(folder: Path, run: FinishedRun, window: Window) -> list[dict[str, Any]]:
    """Return the records of the requests in the window, with their place in the run."""
    ends = np.maximum(run.records["finish_s"], run.records["start_s"] + run.records["held_s"])
    inside = (run.records["arrival_s"] < window.end_s) & (ends > window.begin_s)
    places = np.flatnonzero(inside)
    table = pq.read_table(folder / "requests.parquet").take(places)
    return [
        {"place": place, **row}
        for place, row in zip(places.tolist(), table.to_pylist(), strict=True)
    ]


def read_profiles(folder: Path) -> list[Profile]:
    """Return the profiles a run used; none where the folder does not say."""
    try:
        return msgspec.json.decode((folder / "profiles.json").read_bytes(), type=list[Profile])
    except OSError:
        return []
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{folder}/profiles.json: {error}; run the scenario again") from error


def _names(run: FinishedRun) -> Iterator[_Event]:
    title = f"{run.summary['policy']['name']} on {Path(run.summary['trace']['name']).name}"
    threads = {_QUEUE_TID: "queue", _COPIES_TID: "copies answered on arrival"}
    gpus = run.summary["fleet"]["gpus"]
    threads |= {_FIRST_WORKER_TID + worker: f"GPU {worker}" for worker in range(gpus)}
    yield {"ph": "M", "name": "process_name", "pid": _PID, "tid": 0, "args": {"name": title}}
    for tid, name in threads.items():
        common = {"ph": "M", "pid": _PID, "tid": tid}
        yield {**common, "name": "thread_name", "args": {"name": name}}
        yield {**common, "name": "thread_sort_index", "args": {"sort_index": tid}}


def _request(row: dict[str, Any], profiles: list[Profile]) -> Iterator[_Event]:
    """Yield the slices of one request: waiting, the whole of it, and its stages."""
    name, start = f"{row['kind']} {row['id']}", row["start_s"]
    args = {
        key: row[key]
        for key in ("id", "kind", "reason", "donor", "similarity", "k1", "k2", "active_share")
        if row[key] is not None
    }
    if start > row["arrival_s"]:
        yield from _asynchronous("wait", row, row["arrival_s"], start, _QUEUE_TID, args)
    if row["worker"] < 0:
        yield from _asynchronous(name, row, start, row["finish_s"], _COPIES_TID, args)
        return
    tid = _FIRST_WORKER_TID + row["worker"]
    yield _slice(name, start, row["held_s"], tid, args | {"request": row["place"]})
    at = start
    for stage, seconds in _stages(row, profiles):
        if seconds > 0:
            yield _slice(stage, at, seconds, tid, {})
            at += seconds


def _stages(row: dict[str, Any], profiles: list[Profile]) -> Iterator[tuple[str, float]]:
    stages = sum(row[stage] for stage in STAGES)
    if row["held_s"] > stages + _ROUNDING_S:
        yield "server", row["held_s"] - stages
    for column, name in _BEFORE.items():
        yield name, row[column]
    reused = row["kind"] in ("resume", "regional")
    yield ("load for full reuse" if reused else "load"), row["load_s"]
    yield from _denoising(row, profiles)
    for column, name in _AFTER.items():
        yield name, row[column]


def _denoising(row: dict[str, Any], profiles: list[Profile]) -> Iterator[tuple[str, float]]:
    """Yield the denoising of a request as the stages of its plan."""
    total = row["denoise_s"]
    if row["kind"] != "regional":
        yield ("repair" if row["kind"] == "resume" else "denoise"), total
        return
    parts = {_region_share(row, one) for one in profiles if _fits(row, one)}
    if len(parts) != 1:
        yield "SRD and repair", total
        return
    part = parts.pop()
    yield "SRD", total * part
    yield "repair", total * (1 - part)


def _fits(row: dict[str, Any], profile: Profile) -> bool:
    """Tell whether the bytes that were loaded are latents of the profile's size."""
    latents: int = row["k2"] - row["k1"] + 1
    return bool(row["load_bytes"] == latents * profile.latent_bytes)


def _region_share(row: dict[str, Any], profile: Profile) -> float:
    """Return the share of denoising that lies between k1 and k2, TGAA included.

    The random spread of the steps lies on all of them alike.
    """
    region = row["k2"] - row["k1"]
    srd = region - -(-region // profile.srd_full_every)
    step_s = profile.full_step.mean_s
    region_s = (region - srd) * step_s + srd * profile.srd_step_s(row["active_share"])
    repair_s = (row["steps"] - row["k2"]) * step_s
    # Records do not say whether TGAA was on; every preset has it on.
    amplified_s = region_s * (1 + profile.tgaa_share)
    return float(amplified_s / (amplified_s + repair_s))


def _arrows(rows: list[dict[str, Any]]) -> Iterator[_Event]:
    """Yield an arrow for each reuse whose donor was made by a worker inside the window."""
    made = {row["place"]: row for row in rows if row["worker"] >= 0}
    for row in rows:
        donor = made.get(-1 if row["donor"] is None else row["donor"])
        if donor is None or row["worker"] < 0:
            continue
        common = {"name": "donor", "cat": "donor", "id": row["place"], "pid": _PID}
        tid = _FIRST_WORKER_TID + donor["worker"]
        # A run that shares its latents in flight is read from before it stores its result.
        stored = donor["start_s"] + donor["held_s"] - donor["store_s"] / 2
        end = min(stored, row["start_s"])
        yield {**common, "ph": "s", "ts": end * _US, "tid": tid}
        tid = _FIRST_WORKER_TID + row["worker"]
        before = sum(row[stage] for stage in _BEFORE) + row["load_s"] / 2
        yield {**common, "ph": "f", "bp": "e", "ts": (row["start_s"] + before) * _US, "tid": tid}


def _counters(run: FinishedRun, window: Window) -> Iterator[_Event]:
    records = run.records
    late = records["start_s"] > records["arrival_s"]
    worked = records["worker"] >= 0
    start, end = records["start_s"][worked], (records["start_s"] + records["held_s"])[worked]
    queue = _levels(records["arrival_s"][late], records["start_s"][late], window)
    yield from _counter("waiting requests", "requests", queue)
    yield from _counter("busy GPUs", "GPUs", _levels(start, end, window))
    for name, tier in zip(run.tiers, occupied_by_tier(run), strict=True):
        yield from _counter(f"bytes in {name}", "bytes", tier.between(window.begin_s, window.end_s))


def _levels(begin: FloatArray, end: FloatArray, window: Window) -> list[tuple[float, float]]:
    ones = np.ones(len(begin))
    timeline = Timeline(np.concatenate([begin, end]), np.concatenate([ones, -ones]))
    return timeline.between(window.begin_s, window.end_s)


def _counter(name: str, unit: str, levels: list[tuple[float, float]]) -> Iterator[_Event]:
    for at, level in levels:
        common = {"ph": "C", "name": name, "pid": _PID, "tid": 0}
        yield {**common, "ts": at * _US, "args": {unit: level}}


def _slice(name: str, at_s: float, seconds: float, tid: int, args: dict[str, Any]) -> _Event:
    event = {"ph": "X", "name": name, "cat": "stage", "pid": _PID, "tid": tid}
    return {**event, "ts": at_s * _US, "dur": seconds * _US, "args": args}


def _asynchronous(
    name: str, row: dict[str, Any], begin: float, end: float, tid: int, args: dict[str, Any]
) -> Iterator[_Event]:
    common = {"name": name, "cat": "request", "id": row["place"], "pid": _PID, "tid": tid}
    yield {**common, "ph": "b", "ts": begin * _US, "args": args}
    yield {**common, "ph": "e", "ts": end * _US, "args": {}}


def _about(run: FinishedRun, window: Window) -> dict[str, Any]:
    return {
        "policy": run.summary["policy"]["name"],
        "trace": run.summary["trace"]["name"],
        "source": f"simulated on stage times that are {run.summary['profile']['source']}",
        "window_s": [window.begin_s, window.end_s],
    }
