"""Provenance: where each number of a run is from, and how to get it again."""

from typing import Any

from chorus_reports.answer import cost_mark, simulated_mark
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import count, counted, seconds

_COSTS = {
    "measured": "The profiler timed each stage on the device named in the profile.",
    "modelled": "Denoising steps are FLOPs over the data sheet's peak times an assumed efficiency; "
    "text encoding, embedding, lookup, decoding, video encoding and transfer rates are assumed. "
    "Shares and speed-ups are more trustworthy than seconds and dollars.",
    "assumed": "Stage times are assumptions; every second and dollar here inherits that.",
}


def what_was_simulated(run: FinishedRun) -> list[tuple[str, str]]:
    """Return the setting of a run, a line per part."""
    summary, cache = run.summary, run.scenario["cache"]
    trace, fleet, warm_up = summary["trace"], summary["fleet"], summary["warm_up"]
    auto = " (auto: the busiest hour at 80 % without a cache)" if fleet["auto"] else ""
    tiers = [f"{cache['capacity']} in tier {cache['tier']}"]
    tiers += [f"{tier['capacity']} in tier {tier['name']} below" for tier in cache["below"]]
    scaled = "" if trace["rate_scale"] == 1 else f", {trace['rate_scale']:g} times as many users"
    return [
        (
            "trace",
            (
                f"{trace['name']}: {counted(trace['requests'], 'request')} over "
                f"{seconds(trace['span_s'])}{scaled}"
            ),
        ),
        ("embedder", trace["embedder"] or "unknown"),
        ("policy", f"{summary['policy']['name']} (fingerprint {summary['policy']['fingerprint']})"),
        ("stage costs", f"{summary['profile']['name']} ({summary['profile']['source']})"),
        ("fleet", f"{counted(fleet['gpus'], 'GPU')}{auto}"),
        ("cache", "; ".join(tiers)),
        ("SLO", f"{run.scenario['slo']['target']}, that is {seconds(summary['slo']['target_s'])}"),
        (
            "warm-up",
            (
                f"{warm_up['method']}: {counted(warm_up['discarded'], 'request')} discarded "
                f"(MSER-5 suggests {count(warm_up['mser5_suggests'])})"
            ),
        ),
    ]


def sources(run: FinishedRun) -> list[tuple[str, str, str]]:
    """Return (numbers, source, how) for everything the report prints."""
    summary = run.summary
    profile, engine = summary["profile"], summary["engine"]
    used = ", ".join(profile["used"])
    embedder = summary["trace"]["embedder"] or "an unknown embedder"
    mark = simulated_mark(run)
    return [
        (
            "requests, arrivals, prompts",
            "given",
            f"Read from the trace (SHA-256 {summary['trace']['sha256']}) and taken as they are.",
        ),
        (
            "similarities",
            "measured",
            (
                f"Cosine of prompt embeddings by {embedder}. The policy's thresholds hold for this "
                "embedder only; with another one they must be chosen again."
            ),
        ),
        ("stage times", profile["source"], f"Profile {used}. {_COSTS[profile['source']]}"),
        (
            "hits, donors, evictions",
            mark,
            (
                "Simulated: the policy's own code decides on simulated instants; the journal "
                "lists each call."
            ),
        ),
        (
            "response, waiting, utilisation, GPU time",
            mark,
            (
                "Simulated: one first-come-first-served queue in front of the GPUs "
                f"({engine['name']} {engine['version']}, chorus-cache {engine['chorus']}) with "
                f"these stage times: they are no better than {profile['source']}."
            ),
        ),
        (
            "saved GPU time, speed-ups",
            mark,
            (
                "Simulated: the difference from a run of the same requests without a cache, with "
                "the same random stage times."
            ),
        ),
        (
            "± of means",
            mark,
            (
                "A 95 % batch-means interval (10 batches, corrected for their correlation) of this "
                "one run and seed. It does not cover another day's traffic."
            ),
        ),
        ("dollars", cost_mark(run), _prices(run.scenario["prices"])),
    ]


def _prices(prices: dict[str, Any]) -> str:
    memory = ", ".join(f"{name} ${price:g}" for name, price in prices["gib_hour_usd"].items())
    return (
        f"${prices['gpu_hour_usd']:g} per GPU-hour; per GiB and hour: {memory}. Set your own with "
        "--set prices.gpu_hour_usd=X and --set prices.gib_hour_usd.TIER=X."
    )
