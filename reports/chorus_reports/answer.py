"""The answer: what a run came to, in a few sentences and as many numbers.

Every number is read from the summary or follows from it by one division.
"""

from collections.abc import Callable
from typing import Any

from chorus_reports.document import KeyNumber, Mark
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import (
    count,
    counted,
    dollars,
    gpu_hours,
    seconds,
    share,
    size,
    times,
)

_HOUR = 3600.0

#: A fleet less busy than this may have GPUs to spare.
_RESERVE = 0.8


def simulated_mark(run: FinishedRun) -> Mark:
    """Return how far a simulated number can be trusted: modelled, or no better than assumed."""
    return "assumed" if run.summary["profile"]["source"] == "assumed" else "modelled"


def prices_source(run: FinishedRun) -> str:
    """Return where the prices are from: "assumed", "assumed in part" or "given"."""
    source: str = run.summary["cost"]["source"]
    return source


def cost_mark(run: FinishedRun) -> Mark:
    """Return how far dollars can be trusted: no better than the prices, nor than the times."""
    return simulated_mark(run) if prices_source(run) == "given" else "assumed"


def video_usd_without_cache(run: FinishedRun) -> float:
    """Return the GPU cost of a video without a cache: used and saved seconds at the GPU's price."""
    gpu = run.summary["gpu_seconds"]
    price: float = run.scenario["prices"]["gpu_hour_usd"]
    return float((gpu["used"] + gpu["saved"]) / _HOUR * price / run.summary["requests"])


def key_numbers(run: FinishedRun) -> list[KeyNumber]:
    """Return the numbers of the first screen."""
    summary = run.summary
    gpu, response, cost = summary["gpu_seconds"], summary["response_time_s"], summary["cost"]
    hits = summary["requests"] - summary["hits"]["fresh"]
    before = summary["bounds"].get("no_cache")
    mark = simulated_mark(run)
    return [
        KeyNumber(
            name="request hit ratio",
            value=share(summary["request_hit_ratio"]),
            beside=f"{count(hits)} of {count(summary['requests'])}",
            mark=mark,
        ),
        KeyNumber(
            name="GPU time saved",
            value=gpu_hours(gpu["saved"]),
            beside=f"{share(gpu['saved_share'])} of {gpu_hours(gpu['used'] + gpu['saved'])}",
            mark=mark,
        ),
        KeyNumber(
            name="speed-up of mean response",
            value=times(summary["speed_up"]["response"]),
            beside=f"of mean service {times(summary['speed_up']['service'])}",
            mark=mark,
        ),
        KeyNumber(
            name="response p95",
            value=seconds(response["p95"]),
            beside=_beside(
                before, lambda old: f"no cache: {seconds(old['response_time_s']['p95'])}"
            ),
            mark=mark,
        ),
        KeyNumber(
            name="SLO attainment",
            value=share(summary["slo_attainment"]),
            beside=f"within {seconds(summary['slo']['target_s'])}"
            + _beside(before, lambda old: f"; no cache: {share(old['slo_attainment'])}"),
            mark=mark,
        ),
        KeyNumber(
            name="cost per video",
            value=dollars(cost["usd_per_video"]),
            beside=f"no cache: {dollars(video_usd_without_cache(run))}; "
            f"prices {prices_source(run)}",
            mark=cost_mark(run),
        ),
    ]


def answer(run: FinishedRun) -> list[str]:
    """Return three to five sentences."""
    summary = run.summary
    requests, gpu = summary["requests"], summary["gpu_seconds"]
    hits = requests - summary["hits"]["fresh"]
    where = (
        f"On {counted(summary['fleet']['gpus'], 'GPU')} with a cache of "
        f"{size(summary['bytes']['capacity'])}"
    )
    first = (
        f"{where}, {summary['policy']['name']} serves {count(hits)} of "
        f"{counted(requests, 'request')} ({share(summary['request_hit_ratio'])}) with the help of "
        "an earlier result."
    )
    speed = summary["speed_up"]
    if gpu["saved"] > 0:
        second = (
            f"That saves {gpu_hours(gpu['saved'])} of {gpu_hours(gpu['used'] + gpu['saved'])} of "
            f"GPU time ({share(gpu['saved_share'])}); mean service is {times(speed['service'])} as "
            f"fast and mean response {times(speed['response'])}."
        )
    else:
        second = (
            f"It saves no GPU time: looking up and storing add {seconds(-gpu['saved'])} to "
            f"{gpu_hours(gpu['used'] + gpu['saved'])}."
        )
    return [first, second, _response(summary), *_money(run)]


def _response(summary: dict[str, Any]) -> str:
    before = summary["bounds"].get("no_cache")
    p95 = seconds(summary["response_time_s"]["p95"])
    p95 += _beside(
        before, lambda old: f" (without a cache {seconds(old['response_time_s']['p95'])})"
    )
    met = share(summary["slo_attainment"])
    met += _beside(before, lambda old: f" (without a cache {share(old['slo_attainment'])})")
    target = seconds(summary["slo"]["target_s"])
    return f"95 % of responses take {p95} or less; {met} meet the SLO of {target}."


def _money(run: FinishedRun) -> list[str]:
    """Return what a video costs by GPU time used, and by the hour of the whole fleet."""
    summary = run.summary
    cost, before = summary["cost"], summary["bounds"].get("no_cache")
    without = video_usd_without_cache(run)
    used = (
        f"A video costs {dollars(cost['usd_per_video'])} of GPU time used and cache memory, "
        f"{dollars(without)} without a cache; prices are {prices_source(run)}."
    )
    if cost["usd_per_video"] > without:
        used += " The memory costs more than the GPU time it saves; try a smaller --capacity."
    if before is None:
        return [used]
    mine, old = cost["fleet_usd_per_video"], before["cost"]["fleet_usd_per_video"]
    fleet = (
        f"Paid by the hour, busy or idle, the same fleet costs {dollars(mine)} per video with the "
        f"cache and {dollars(old)} without"
    )
    if mine > 0.99 * old and summary["utilisation"] < _RESERVE:
        fleet += (
            ": the saving becomes money only where GPUs are given back or do other work "
            f"(utilisation is {share(summary['utilisation'])}); try fewer with --gpus"
        )
    return [used, fleet + "."]


def _beside(before: dict[str, Any] | None, text: Callable[[dict[str, Any]], str]) -> str:
    """Return ``text`` of the run without a cache, or nothing where there was none."""
    return "" if before is None else text(before)
