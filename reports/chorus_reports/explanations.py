"""Explanations of a run: why requests missed, what more would be worth, regret by hour."""

from collections.abc import Callable
from typing import Any

from chorus_reports.answer import prices_source, simulated_mark
from chorus_reports.document import Section, Table
from chorus_reports.finished_run import FinishedRun
from chorus_reports.plots.regret import regret
from chorus_reports.quantities import count, counted, dollars, gpu_hours, seconds, share, size

_MEANINGS = {
    "compulsory": "nothing as similar had ever been asked for",
    "namespace": "only another namespace (tenant, model or shape) had something as similar",
    "gate": "a neighbour existed; the policy's words, price or error gate refused it",
    "form": "a donor was there without the step latents that its band needs",
    "capacity": "a donor existed and had been evicted or trimmed",
    "admission": "a donor existed and was refused when it was offered",
    "in flight": "a donor had arrived and was not finished",
}


def explanation_sections(run: FinishedRun) -> tuple[Section, ...]:
    """Return a section per explanation the run has; what the policy said where it has none."""
    if run.explanation is None:
        return _reasons(run)
    return (_why_missed(run), _worth(run), Section(title="Regret", plots=(regret(run),)))


def _reasons(run: FinishedRun) -> tuple[Section, ...]:
    misses = run.summary["misses"]
    if not misses:
        return ()
    total = run.summary["requests"]
    asked = "As the policy says it; 'chorus-sim run --explain' finds out what would have helped."
    return (
        Section(
            title="Why requests were computed in full",
            paragraphs=(asked,),
            points=tuple(
                f"{reason}: {count(number)} ({share(number / total)})"
                for reason, number in misses.items()
            ),
        ),
    )


def _why_missed(run: FinishedRun) -> Section:
    causes = _explanation(run)["why_missed"]
    total = sum(cause["requests"] for cause in causes.values())
    title = "Why requests missed"
    if not total:
        return Section(title=title, paragraphs=("No request missed.",))
    ordered = sorted(causes, key=lambda name: -causes[name]["requests"])
    rows = tuple(
        (
            name,
            count(causes[name]["requests"]),
            share(causes[name]["requests"] / total),
            gpu_hours(causes[name]["lost_gpu_seconds"]) if _loses(name) else "-",
        )
        for name in ordered
    )
    first = ordered[0]
    answer = (
        f"{counted(total, 'request')} missed. Most often "
        f"({share(causes[first]['requests'] / total)}) {_MEANINGS[first]}."
    )
    lost = {name: causes[name]["lost_gpu_seconds"] for name in causes if _loses(name)}
    dearest = max(lost, key=lambda name: lost[name])
    if lost[dearest]:
        answer += (
            f" Of what could have been saved, '{dearest}' lost most: {gpu_hours(lost[dearest])} of "
            "GPU time."
        )
    how = (
        "Worked out from the similarity graph, the journal and the policy's own reuse part: the "
        "most similar earlier result that would have served names the cause. What is lost is the "
        "denoising that result would have saved, before its lookup and load; it is "
        f"{simulated_mark(run)}. Compulsory misses and other namespaces lose nothing the policy "
        "may use."
    )
    return Section(
        title=title,
        paragraphs=(answer, how),
        tables=(
            Table(
                columns=("cause", "requests", "of misses", "GPU time lost"),
                rows=rows,
            ),
        ),
        points=tuple(f"{name}: {_MEANINGS[name]}" for name in ordered),
    )


def _loses(cause: str) -> bool:
    return cause in ("form", "capacity", "admission", "in flight")


def _worth(run: FinishedRun) -> Section:
    more, gpu = _explanation(run)["next_bytes"], _explanation(run)["next_gpu"]
    added = f"{size(more['added_bytes'])} more in tier {more['tier']}"
    one = "one GPU more"
    mark, prices = simulated_mark(run), prices_source(run)
    response = "mean response falls by"
    rows = (
        (f"{added}, {mark}",),
        ("GPU time saved", *_with_interval(more["gpu_seconds_saved"], gpu_hours)),
        (f"saved per hour, prices {prices}", *_with_interval(more["saved_usd_per_hour"], dollars)),
        (f"memory per hour, price {prices}", dollars(more["memory_usd_per_hour"]), "-"),
        ("hit ratio rises by", *_with_interval(more["hit_ratio"], _points)),
        (response, *_with_interval(more["response_s"], seconds)),
        (f"{one} ({gpu['from_gpus'] + 1} in all), {mark}",),
        (response, *_with_interval(gpu["response_s"], seconds)),
        ("response p95 falls by", *_with_interval(gpu["response_p95_s"], seconds)),
        ("SLO attainment rises by", *_with_interval(gpu["slo_attainment"], _points)),
        (f"price per hour, {prices}", dollars(gpu["usd_per_hour"]), "-"),
    )
    note = (
        "Paired differences: both runs see the same requests with the same luck. Intervals are a "
        "block bootstrap over this trace; they say nothing about other traffic. Under similarity "
        "more bytes can also lose hits."
    )
    return Section(
        title="What more would be worth",
        paragraphs=(_bytes_verdict(more, added, prices), _gpu_verdict(gpu, prices)),
        tables=(
            Table(columns=("", "difference", "95 % interval"), rows=rows, note=note, lead=True),
        ),
    )


def _bytes_verdict(more: dict[str, Any], added: str, prices: str) -> str:
    low, high = more["saved_usd_per_hour"]["ci95"]
    cost = more["memory_usd_per_hour"]
    what = f"{added} costs {dollars(cost)} per hour and saves GPU time worth "
    what += f"{dollars(more['saved_usd_per_hour']['value'])} (prices {prices})"
    if low > cost:
        return f"{what}: it pays for itself."
    if high < cost:
        return f"{what}: it does not pay for itself."
    return f"{what}: this trace cannot tell whether it pays for itself."


def _gpu_verdict(gpu: dict[str, Any], prices: str) -> str:
    low, high = gpu["slo_attainment"]["ci95"]
    what = f"One GPU more costs {dollars(gpu['usd_per_hour'])} per hour (price {prices})"
    if low > 0:
        gain = _points(gpu["slo_attainment"]["value"])
        return f"{what} and meets the SLO for {gain} more of the requests."
    if high <= 0:
        return f"{what} and meets the SLO no more often."
    return f"{what}; this trace cannot tell whether it meets the SLO more often."


def _with_interval(figure: dict[str, Any], text: Callable[[float], str]) -> tuple[str, str]:
    low, high = figure["ci95"]
    return text(figure["value"]), f"{text(low)} to {text(high)}"


def _points(value: float) -> str:
    return f"{100 * value:.2f} points"


def _explanation(run: FinishedRun) -> dict[str, Any]:
    return run.explanation or {}
