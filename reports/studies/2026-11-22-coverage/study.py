"""How often the 95 % interval of a mean covers the true value.

Run it with ``python reports/studies/2026-11-22-coverage/study.py``; it takes some minutes on one
core and rewrites ``results.json`` and ``README.md`` beside itself. Each experiment is one run of
the simulator's SimPy model without a cache and one interval of the mean response time from it,
after a warm-up. The true value of M/M/c is Erlang's formula; that of generated traffic is the mean
over independent longer replications, none of which is among the experiments.
"""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.costs.profile_book import ProfileBook, load_profile
from chorus_policies.entry import Query
from chorus_policies.namespace import Deployment
from chorus_sim.model import Model
from chorus_sim.plan.erlang import mean_wait_s
from chorus_sim.statistics import batch_means_interval, replication_interval
from chorus_sim.workload import Workload, make_workload
from chorus_traces.synth import STUDIO_DAY, SynthSpec, generate

FloatArray = npt.NDArray[np.float64]

HERE = Path(__file__).parent
SERVERS = (1, 4, 16)
UTILISATIONS = (0.5, 0.7, 0.8, 0.9)
SEEDS = 40
REQUESTS, WARM_UP = 10_000, 1_000

#: Generated traffic: evenly busy with sessions and bursts, and with a daily cycle.
GENERATED = {
    "generated, even": msgspec.structs.replace(STUDIO_DAY, daily_cycle=0.0, name="even"),
    "generated, daily cycle": msgspec.structs.replace(STUDIO_DAY, name="daily"),
}
GENERATED_UTILISATIONS = (0.5, 0.7)
GENERATED_SEEDS, GENERATED_DAYS = 30, 5
LONG_REPLICATIONS, LONG_DAYS = 60, 11
#: Days at the start of each generated run that do not count: it begins with an empty fleet.
WARM_UP_DAYS = 1
_BOOK = ProfileBook(("wan2.1-1.3b-h200",))

HOW = (
    "`python reports/studies/2026-11-22-coverage/study.py` rebuilds this folder. One experiment is "
    "one SimPy run without a cache and one interval of its mean response time. The true value of "
    "M/M/c is Erlang's formula; that of generated traffic is the mean over "
    f"{LONG_REPLICATIONS} independent replications of {LONG_DAYS} days, and as uncertain as the "
    "table says. All numbers are measured on simulated runs."
)
FINDING = (
    "`batch_means_interval` is the first column: 10 batches, widened by the correlation of "
    "neighbouring batches. Before this study it took 20 batches for independent (second column), "
    "which covers less where the queue is busy. Taking single response times for independent "
    "(third column) is useless."
)
WIDTHS = "Share covered and, in brackets, half width as a share of the true mean:"


def responses(workload: Workload, gpus: int) -> FloatArray:
    """Return the response times of one SimPy run without a cache."""
    served = Model(workload, gpus, None).run()
    return np.array(served.finish) - np.array(served.arrival)


def queue(servers: int, utilisation: float, seed: int) -> Workload:
    """Return an M/M/c workload of mean service time 1 s."""
    requests = REQUESTS + WARM_UP
    generator = np.random.default_rng([seed, servers, int(utilisation * 100)])
    nothing = np.zeros(requests)
    queries = [
        Query(sequence=place, namespace="n", identity=None, steps=1, latent_bytes=1, result_bytes=1)
        for place in range(requests)
    ]
    return Workload(
        arrivals=np.cumsum(generator.exponential(1 / (servers * utilisation), requests)),
        queries=queries,
        profiles=[load_profile("wan2.1-1.3b-480p-50step-h200")],
        profile_of=np.zeros(requests, dtype=np.int32),
        namespace_of=np.zeros(requests, dtype=np.int64),
        text_encode=generator.exponential(1.0, requests),
        embed=nothing,
        lookup=nothing,
        spread=nothing,
        region=nothing,
        vae_decode=nothing,
        video_encode=nothing,
    )


def traffic(spec: SynthSpec, days: int, seed: int) -> Workload:
    """Return the workload of ``days`` of generated traffic."""
    whole = msgspec.structs.replace(spec, requests=spec.requests * days)
    return make_workload(generate(whole, seed), _BOOK, Deployment(), forced=False, seed=seed)


def independent_batches(values: FloatArray) -> tuple[float, float]:
    """Return the interval that takes 20 batch means for independent, as this project once did."""
    size = len(values) // 20
    batches = values[len(values) - size * 20 :].reshape(20, size).mean(axis=1)
    return replication_interval(batches, centre=float(values.mean()))


def single_values(values: FloatArray) -> tuple[float, float]:
    """Return the naive interval that takes response times for independent."""
    return replication_interval(values)


METHODS = {
    "batch means, autocorrelation": batch_means_interval,
    "20 batch means as independent": independent_batches,
    "responses as independent": single_values,
}


def row(group: str, runs: list[FloatArray], true_s: float, true_error_s: float) -> dict[str, Any]:
    """Return how often each method covers ``true_s`` over ``runs``."""
    covered, widths = {}, {}
    for name, method in METHODS.items():
        intervals = [method(run) for run in runs]
        covered[name] = sum(low <= true_s <= high for low, high in intervals)
        widths[name] = float(np.mean([(high - low) / 2 for low, high in intervals])) / true_s
    return {
        "group": group,
        "experiments": len(runs),
        "true_s": true_s,
        "true_error_share": true_error_s / true_s,
        "covered": covered,
        "half_width_share": widths,
    }


def queue_rows() -> list[dict[str, Any]]:
    """Return the rows of M/M/c, whose true mean is known."""
    rows = []
    for servers in SERVERS:
        for utilisation in UTILISATIONS:
            runs = [
                responses(queue(servers, utilisation, seed), servers)[WARM_UP:]
                for seed in range(SEEDS)
            ]
            true_s = 1 + mean_wait_s(servers, servers * utilisation, 1.0)
            rows.append(row(f"M/M/{servers} at {utilisation:.0%}", runs, true_s, 0.0))
            print(rows[-1], flush=True)  # noqa: T201
    return rows


def traffic_rows() -> list[dict[str, Any]]:
    """Return the rows of generated traffic, whose true mean comes from long replications."""
    rows = []
    for name, spec in GENERATED.items():
        busy = traffic(spec, LONG_DAYS, 0)
        load = float(busy.uncached_service_s().sum() / busy.arrivals[-1])
        fleets = {share: math.ceil(load / share) for share in GENERATED_UTILISATIONS}
        means: dict[float, list[float]] = {share: [] for share in fleets}
        runs: dict[float, list[FloatArray]] = {share: [] for share in fleets}
        for seed in range(LONG_REPLICATIONS):
            workload = traffic(spec, LONG_DAYS, 10_000 + seed)
            for share, gpus in fleets.items():
                means[share].append(float(after_warm_up(workload, gpus).mean()))
        for seed in range(1, GENERATED_SEEDS + 1):
            workload = traffic(spec, GENERATED_DAYS, seed)
            for share, gpus in fleets.items():
                runs[share].append(after_warm_up(workload, gpus))
        for share, gpus in fleets.items():
            low, high = replication_interval(np.array(means[share]))
            group = f"{name}, {gpus} GPUs ({share:.0%} busy on average)"
            rows.append(row(group, runs[share], float(np.mean(means[share])), (high - low) / 2))
            print(rows[-1], flush=True)  # noqa: T201
    return rows


def after_warm_up(workload: Workload, gpus: int) -> FloatArray:
    """Return the response times of requests that arrive after the warm-up."""
    late = workload.arrivals >= WARM_UP_DAYS * 86_400.0
    return responses(workload, gpus)[late]


def readme(rows: list[dict[str, Any]]) -> str:
    """Return the table of all rows and what it says."""
    names = list(METHODS)
    queues = [one for one in rows if one["group"].startswith("M/M")]
    kinds = {"M/M/c": queues, "generated": [one for one in rows if one not in queues], "all": rows}
    lines = ["# How often the 95 % interval of a mean covers the true value", "", HOW, ""]
    lines += _head("experiments", "number", *names)
    for kind, part in kinds.items():
        total = sum(one["experiments"] for one in part)
        shares = [sum(one["covered"][name] for one in part) / total for name in names]
        lines.append(_line(kind, f"{total}", *(f"{share:.1%}" for share in shares)))
    first = names[0]
    least = min(rows, key=lambda one: one["covered"][first] / one["experiments"])
    weakest = (
        f"It covers least, {least['covered'][first]} of {least['experiments']}, in "
        f"{least['group']}, where the true mean is known to \u00b1{least['true_error_share']:.1%}."
    )
    lines += ["", FINDING, "", weakest, "", WIDTHS, ""]
    lines += _head("group", "true mean", "known to", *names)
    for one in rows:
        cells = [
            f"{one['covered'][name] / one['experiments']:.0%} ({one['half_width_share'][name]:.0%})"
            for name in names
        ]
        known = f"\u00b1{one['true_error_share']:.1%}"
        lines.append(_line(one["group"], f"{one['true_s']:.2f} s", known, *cells))
    return "\n".join(lines) + "\n"


def _head(first: str, *rest: str) -> list[str]:
    return [_line(first, *rest), "|---|" + "---:|" * len(rest)]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run every experiment and write the results."""
    rows = [*queue_rows(), *traffic_rows()]
    (HERE / "results.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(readme(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
