"""Eviction alone on streams of many kinds that no policy was developed on.

Run it with ``python reports/studies/2026-11-22-evictions/robustness.py PROMPTS.jsonl
EMBEDDINGS.npy``, the files ``study.py`` takes. It writes ``robustness.json`` and ``robustness.md``
beside itself, stream by stream, and goes on after a stop where it was. Streams on file are not run
again: remove ``robustness.json`` after a change to a policy.

Each stream is generated with settings far from the defaults, or is the real one with one thing
changed. Entries are whole, so eviction alone is compared, as in the folders ``*-whole-entries``.
The six capacities of a stream span its own knee: the least memory at which LRU saves 90 % of what a
cache without bounds does. A change to a policy is developed on the streams of ``development``
and reported on those of ``unseen``. The file is long because most of it lists streams.
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from chorus_policies.journal import Journal
from chorus_sim.compare import compare
from chorus_sim.experiment import prepare, vary
from chorus_sim.outcome import to_json
from chorus_sim.runs import run_policy, run_unbounded, run_uncached
from chorus_sim.scenario import CacheSection, RunSection, Scenario
from chorus_traces.atomic import replacing
from chorus_traces.embedding import embed_trace
from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace
from chorus_traces.request import Request
from chorus_traces.slice import slice_requests
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import FloatMatrix, Trace
from chorus_traces.what_if import change

HERE = Path(__file__).parent
RESULTS, REPORT = HERE / "robustness.json", HERE / "robustness.md"
OURS = "bundle"
OTHERS = (
    *("fifo", "lru", "lfu", "lfu-aged", "s3fifo", "sieve", "gdsf", "lcbfu"),
    *("sim-lru", "qlru-dc", "duel", "sphere-lfu"),
)
REQUESTS = 3_000

#: LRU saves this share of what is there to save at the knee.
KNEE = 0.9
CAPACITIES = 6

#: The share of the gap to clairvoyant that is to be closed where memory is short.
TENTH = 0.1

#: Streams of popular ideas alone: who asks and in which order says nothing.
IDEAS = {"theme_share": 1.0, "jump_share": 1.0, "session_scale": 0.01}


def made(seed: int, **knobs: Any) -> Trace:
    """Return a generated stream with embeddings: one tenant, one clip shape, but for ``knobs``."""
    plain: dict[str, Any] = {"requests": REQUESTS, "tenants": (1.0,), "hd_share": 0.0}
    plain["conditioning_share"] = 0.0
    return embed_trace(generate(SynthSpec(**(plain | knobs)), seed))


def chosen(trace: Trace, places: list[int], arrivals: list[float] | None = None) -> Trace:
    """Return the requests at ``places``, in this order, at ``arrivals`` or their own instants."""
    requests = [trace.requests[place] for place in places]
    instants = [request.arrival_s for request in requests] if arrivals is None else arrivals
    rows = tuple(
        msgspec.structs.replace(request, id=f"r{row}", arrival_s=instant - instants[0])
        for row, (request, instant) in enumerate(zip(requests, instants, strict=True))
    )
    return dataclasses.replace(trace, requests=rows, embeddings=_rows(trace, places))


def merged(*traces: Trace) -> Trace:
    """Return several streams that run at the same time."""
    rows = [
        (request.arrival_s, number, place)
        for number, trace in enumerate(traces)
        for place, request in enumerate(trace.requests)
    ]
    rows.sort()
    return Trace(
        name="merged",
        requests=tuple(
            msgspec.structs.replace(traces[number].requests[place], id=f"r{row}")
            for row, (_, number, place) in enumerate(rows)
        ),
        embeddings=np.concatenate([_rows(traces[number], [place]) for _, number, place in rows]),
        embedder=traces[0].embedder,
    )


def each(trace: Trace, changed: Callable[[Request], Request]) -> Trace:
    """Return the trace with every request changed."""
    return dataclasses.replace(trace, requests=tuple(map(changed, trace.requests)))


def at(trace: Trace, hour: float) -> Trace:
    """Return the trace begun later."""
    shift = hour * 3600.0
    return each(trace, lambda one: msgspec.structs.replace(one, arrival_s=one.arrival_s + shift))


def popular(trace: Trace, prompts: int, exponent: float, seed: int) -> Trace:
    """Return independent requests for ``prompts`` of the trace by Zipf's law, at its instants."""
    chance = np.random.default_rng(seed)
    weights = np.arange(1, prompts + 1) ** -exponent
    kept = chance.permutation(len(trace))[:prompts]
    places = kept[chance.choice(prompts, len(trace), p=weights / weights.sum())]
    return chosen(trace, places.tolist(), [request.arrival_s for request in trace.requests])


def looped(trace: Trace, prompts: int) -> Trace:
    """Return the first ``prompts`` requests asked for over and over, at the trace's instants."""
    places = [place % prompts for place in range(len(trace))]
    return chosen(trace, places, [request.arrival_s for request in trace.requests])


def reversed_in_time(trace: Trace) -> Trace:
    """Return the trace run backwards."""
    end = trace.requests[-1].arrival_s
    places = list(range(len(trace)))[::-1]
    return chosen(trace, places, [end - trace.requests[place].arrival_s for place in places])


def of_tenant(trace: Trace, tenant: str) -> Trace:
    """Return the trace as one customer's."""
    return each(trace, lambda one: msgspec.structs.replace(one, tenant=tenant))


def clip_shapes(trace: Trace) -> Trace:
    """Return the trace with users who ask for clips of other lengths and step counts."""
    shapes = [(33, 20), (81, 50), (81, 30), (121, 50)]

    def shaped(one: Request) -> Request:
        frames, steps = shapes[sum((one.user or one.id).encode()) % len(shapes)]
        return msgspec.structs.replace(one, frames=frames, steps=steps)

    return each(trace, shaped)


def drifting(seed: int) -> Trace:
    """Return four crowds after one another, each with popular ideas of its own."""
    knobs = {"requests": REQUESTS // 4, "theme_share": 0.6, "themes": 100, "session_scale": 0.3}
    return merged(*(at(made(seed + part, **knobs), 8.0 * part) for part in range(4)))


def tripling(seed: int) -> Trace:
    """Return a day of one crowd, to which two others come from hour 5 on."""
    flat = {"requests": REQUESTS // 3, "daily_cycle": 0.0, "day_variation": 0.0}
    crowds = [made(seed + part, **flat) for part in range(3)]
    return merged(crowds[0], at(crowds[1], 5.0), at(crowds[2], 5.0))


def development(real: Trace) -> dict[str, Callable[[], Trace]]:
    """Return streams that a change to a policy may be developed on; made when asked for."""
    half = len(real) // 2
    return {
        "few users": lambda: made(101, return_short=0.9, return_long=1.0, session_scale=4.0),
        "single requests": lambda: made(102, session_scale=0.01, return_short=0.0),
        "high repetition": lambda: made(103, resend_share=0.6, back_share=0.6, jump_share=0.05),
        "100 ideas, Zipf 1.2": lambda: made(104, **IDEAS, themes=100, theme_exponent=1.2),
        "bursts": lambda: made(105, bursts_per_week=60.0, burst_requests=150),
        "mixed resolutions": lambda: made(106, hd_share=0.5, distilled_share=0.2),
        "drifting topics": lambda: drifting(107),
        "quick edits": lambda: made(108, gap_median_s=8.0, requests_per_hour=2_000.0),
        "short prompts": lambda: made(109, words_median=3.0, words_sigma=0.6),
        "real, shuffled": lambda: change(real, "shuffled", 1),
        "real, every second": lambda: chosen(real, list(range(0, len(real), 2))),
        "real, 500 prompts, Zipf 0.8": lambda: popular(real, 500, 0.8, 2),
        "real, loop of 300 beside": lambda: merged(
            slice_requests(real, 0, half), looped(slice_requests(real, half, half + 1_500), 300)
        ),
        "real, half shared": lambda: change(real, "shared-prompts=0.5", 3),
    }


def unseen(real: Trace) -> dict[str, Callable[[], Trace]]:
    """Return streams that are looked at once a change is chosen; made when asked for."""
    half = len(real) // 2
    no_user = dict.fromkeys(["user", "tenant"])
    return {
        "many users": lambda: made(201, return_short=0.0, return_long=0.0, session_scale=0.4),
        "low repetition": lambda: made(202, resend_share=0.02, jump_share=0.7, theme_share=0.0),
        "long chains": lambda: made(203, jump_share=0.0, back_share=0.1, session_scale=3.0),
        "1,000 ideas, Zipf 0.8": lambda: made(204, **IDEAS, themes=1_000, theme_exponent=0.8),
        "ideas and sessions": lambda: made(205, theme_share=0.5, themes=50),
        "mixed lengths and steps": lambda: clip_shapes(made(206)),
        "four tenants": lambda: made(207, tenants=(0.5, 0.25, 0.15, 0.1), conditioning_share=0.1),
        "slow edits": lambda: made(208, gap_median_s=1_500.0, requests_per_hour=60.0),
        "long prompts": lambda: made(209, words_median=40.0, words_sigma=0.5),
        "working set triples": lambda: tripling(210),
        "real, no users": lambda: each(real, lambda one: msgspec.structs.replace(one, **no_user)),
        "real, reversed": lambda: reversed_in_time(real),
        "real, every fourth": lambda: chosen(real, list(range(0, len(real), 4))),
        "real, two tenants at once": lambda: merged(
            of_tenant(slice_requests(real, 0, half), "one"),
            of_tenant(slice_requests(real, half, len(real)), "two"),
        ),
        "real, 2,000 prompts, Zipf 1.1": lambda: popular(real, 2_000, 1.1, 4),
        "real, sessions shuffled": lambda: change(real, "shuffled-sessions", 5),
    }


def capacities_of(scenario: Scenario, trace: Trace) -> tuple[int, ...]:
    """Return capacities in bytes from 1/64 of the knee, or one and a half entries, to four knees.

    The search for the knee ends where the whole trace fits.
    """
    first = prepare(scenario, trace)
    used = float(np.sum(run_uncached(first).served.held))
    wanted = KNEE * (used - float(np.sum(run_unbounded(first).served.held)))
    footprint, largest = first.shared.entry_sizes(first.policy.form, first.policy.reuse(seed=0))
    knee = least = 1.5 * largest
    while knee < footprint:
        cache = CacheSection(capacity=f"{int(knee)}B")
        at_knee = vary(first, msgspec.structs.replace(scenario, cache=cache))
        served = run_policy(at_knee, Journal(keep=False)).served
        if used - float(np.sum(served.held)) >= wanted:
            break
        knee *= 2**0.5
    low = max(least, knee / 64)
    high = max(4 * knee, 16 * low)
    return tuple(int(size) for size in np.geomspace(low, high, CAPACITIES))


def cell(row: dict[str, Any]) -> dict[str, Any]:
    """Return one capacity of a comparison: ours against the best of the others.

    ``ahead`` is in share of GPU time with its paired interval; ``gap_closed`` is the share of the
    gap to the clairvoyant bound, ``None`` where the best is as good or better.
    """
    policies, bound = row["policies"], row["bounds"]["clairvoyant"]
    best = max(OTHERS, key=lambda name: policies[name]["saved_share"])
    if row["best"] == OURS:
        ahead, (low, high) = policies[best]["behind_best"], policies[best]["behind_best_ci95"]
    else:
        ahead = -policies[OURS]["behind_best"]
        high, low = (-limit for limit in policies[OURS]["behind_best_ci95"])
    share = policies[best]["saved_share"]
    return {
        "capacity_bytes": row["capacity_bytes"],
        "best": best,
        "ahead": ahead,
        "ahead_ci95": [low, high],
        "behind": high < 0,
        "below_interval_of_best": policies[OURS]["saved_share"] < policies[best]["ci95"][0],
        "gap_closed": ahead / (bound - share) if bound > share else None,
        "saved_share": {name: policies[name]["saved_share"] for name in (OURS, *OTHERS)},
        "bounds": row["bounds"],
    }


def report(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    cells = [one for stream in results.values() for one in stream["cells"]]
    behind, ahead, below = (
        sum(map(test, cells))
        for test in (
            lambda one: one["behind"],
            lambda one: one["ahead_ci95"][0] > 0,
            lambda one: one["below_interval_of_best"],
        )
    )
    small = [one["gap_closed"] for stream in results.values() for one in stream["cells"][:3]]
    gaps = [gap for gap in small if gap is not None]
    summary = (
        f"Whole entries. Of {len(cells)} cells {ahead} are ahead of the best other policy beyond "
        f"the paired interval and {behind} behind it; in {below} the figure is below the best "
        "policy's own 95 % interval. At the three smallest capacities the best of the others is "
        f"short of clairvoyant in {len(gaps)} of {len(small)} cells; a tenth of that gap is closed "
        f"in {sum(gap >= TENTH for gap in gaps)}."
    )
    legend = (
        "Points of GPU time ahead of the best other policy, which is named; **bold** is behind it "
        "beyond the paired interval, + ahead beyond it. Capacities rise from far below to above "
        "each stream's knee."
    )
    title = f"# `{OURS}` against the best of {len(OTHERS)} others on {len(results)} streams"
    lines = [title, "", summary, "", legend, ""]
    for half in ("development", "unseen"):
        lines += [f"| {half} | 1 | 2 | 3 | 4 | 5 | 6 |", "|---|---|---|---|---|---|---|"]
        lines += [
            f"| {name} | {' | '.join(map(_shown, stream['cells']))} |"
            for name, stream in results.items()
            if stream["half"] == half
        ]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run the streams that are missing and write the results after each."""
    if len(sys.argv) != 3:
        sys.exit("usage: robustness.py PROMPTS.jsonl EMBEDDINGS.npy")
    real = read_trace(Path(sys.argv[1]), embeddings=Path(sys.argv[2]))
    results = msgspec.json.decode(RESULTS.read_bytes()) if RESULTS.exists() else {}
    scenario = Scenario(policy="lru", run=RunSection(engine="auto"))
    for half, streams in (("development", development(real)), ("unseen", unseen(real))):
        for name, make in streams.items():
            if name in results:
                continue
            trace = make()
            sizes = tuple(f"{size}B" for size in capacities_of(scenario, trace))
            rows = compare(scenario, trace, (*OTHERS, OURS), sizes, lambda *_: None)["rows"]
            results[name] = {"half": half, "requests": len(trace), "cells": list(map(cell, rows))}
            with replacing(RESULTS) as stream:
                stream.write(to_json(results))
    REPORT.write_text(report(results), encoding="utf-8")


def _rows(trace: Trace, places: list[int]) -> FloatMatrix:
    if trace.embeddings is None:
        raise TraceError(f"{trace.name}: no embeddings; embed the trace first")
    rows: FloatMatrix = trace.embeddings[places]
    return rows


def _shown(one: dict[str, Any]) -> str:
    size = f"{100 * one['ahead']:+.2f}"
    mark = "**" if one["behind"] else ""
    beyond = " +" if one["ahead_ci95"][0] > 0 else ""
    return f"{mark}{size}{mark}{beyond} {one['best']}"


if __name__ == "__main__":
    main()
