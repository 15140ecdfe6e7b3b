"""The plan report: ``report.html``, ``report.md`` and ``figures/`` of a plan's folder."""

import json
from pathlib import Path
from typing import Any

from chorus_reports.document import Document, KeyNumber, Mark, Section
from chorus_reports.not_modelled import NOT_MODELLED
from chorus_reports.page import write_page
from chorus_reports.plan_answer import (
    answer_sentences,
    energy_sentence,
    formula_sentence,
    gpu_range,
    money,
    risk_sentences,
)
from chorus_reports.plan_plots import plan_plots
from chorus_reports.plan_tables import (
    answers_table,
    binding_section,
    cells_table,
    doubt_table,
    sources_table,
    tornado_section,
)
from chorus_reports.quantities import count, seconds, share
from chorus_traces.errors import ScenarioError

_SCHEMA = "chorus.plan/1"

#: A trace shorter than this misses part of the daily cycle.
_NEARLY_A_DAY_H = 22.0


def write_plan_report(folder: Path) -> None:
    """Write the report of ``plan.json`` in ``folder`` beside it.

    Raises ``ScenarioError`` when the file is missing, damaged or of another schema.
    """
    path = folder / "plan.json"
    try:
        plan = json.loads(path.read_bytes())
        document = _document(plan)
    except (OSError, ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise ScenarioError(
            f"{path}: not a whole plan ({type(error).__name__}: {error}); plan again"
        ) from error
    write_page(document, folder)


def _document(plan: dict[str, Any]) -> Document:
    if plan["schema"] != _SCHEMA:
        raise ValueError(f"schema is {plan['schema']!r}; {_SCHEMA!r} is needed")
    return Document(
        title=f"Capacity plan for {Path(plan['trace']['name']).name}",
        answer=tuple(answer_sentences(plan)),
        cautions=tuple(_cautions(plan)),
        key_numbers=_key_numbers(plan),
        setting=_setting(plan),
        sections=(
            Section(
                title="What to buy",
                tables=(answers_table(plan), *doubt_table(plan)),
                paragraphs=(
                    (
                        "A fleet is named only if the unfavourable end of its 95 % interval "
                        "meets the goal, on the seeds of the search and again on fresh ones."
                    ),
                ),
            ),
            Section(
                title="Every cache that was tried",
                tables=(cells_table(plan),),
                plots=plan_plots(plan),
            ),
            Section(
                title="What it survives",
                points=(*risk_sentences(plan), energy_sentence(plan), formula_sentence(plan)),
            ),
            *tornado_section(plan),
            *binding_section(plan),
            Section(title="Where each number is from", tables=(sources_table(plan),)),
            Section(
                title="What is not modelled",
                points=tuple(f"{what}: {meaning}" for what, meaning in NOT_MODELLED.items()),
            ),
        ),
    )


def _cautions(plan: dict[str, Any]) -> list[str]:
    lines = []
    trace = plan["trace"]
    hours = trace["span_s"] / 3600
    if not trace["generated"]:
        lines.append(
            f"The plan rests on {hours:.1f} h of recorded traffic. A month is 30 of its mean days; "
            "its intervals cannot tell of a day unlike it."
        )
    if hours < _NEARLY_A_DAY_H:
        lines.append(
            f"The trace is shorter than a day ({hours:.1f} h): its mean day is extrapolated, and "
            "hours that were not recorded are taken to be like those that were."
        )
    if any(one["growth"] > 1 for one in plan["growth"]):
        lines.append(
            "Added users reuse nothing of those they copy, so what the cache saves above 1x is "
            "understated."
        )
    moved = [
        f"{one['growth']:g}x"
        for one in plan["growth"]
        if any(cell["sizing"]["raised"] for cell in one["cells"])
    ]
    if moved:
        lines.append(
            "Fresh seeds did not confirm every first answer; GPUs were added until they did "
            f"(at {', '.join(moved)})."
        )
    return lines


def _key_numbers(plan: dict[str, Any]) -> tuple[KeyNumber, ...]:
    answer = next(one for one in plan["answers"] if one["growth"] == plan["base_growth"])
    if not answer["feasible"]:
        return ()
    estimate, cost = answer["estimate"], answer["cost"]
    mark: Mark = answer["source"]
    # Dollars are no better than the prices, nor than the simulated times.
    usd_mark: Mark = mark if plan["prices"]["source"] == "given" else "assumed"
    low, high = estimate["interval_s"]
    numbers = [
        KeyNumber(name="GPUs", value=f"{answer['gpus']:,}", beside=gpu_range(answer), mark=mark),
        KeyNumber(
            name="cache",
            value="none" if answer["capacity"] == "0" else answer["capacity"],
            beside=f"request hit ratio {share(answer['request_hit_ratio'])}",
            mark=mark,
        ),
        KeyNumber(
            name=f"response {plan['goal']['metric']}",
            value=seconds(estimate["value_s"]),
            beside=f"95 %: {seconds(low)} to {seconds(high)}; target "
            f"{seconds(plan['goal']['target_s'])}",
            mark=mark,
        ),
        KeyNumber(
            name="cost per month",
            value=money(cost["usd"]),
            beside=f"GPUs {money(cost['gpu_usd'])}, memory {money(cost['memory_usd'])}",
            mark=usd_mark,
        ),
        KeyNumber(
            name="cost per video",
            value=f"${cost['usd_per_video']:.4f}",
            beside=f"{count(cost['videos'])} videos a month",
            mark=usd_mark,
        ),
    ]
    worth = answer["cache_worth_usd"]
    if worth is not None and answer["capacity"] != "0":
        numbers.append(
            KeyNumber(
                name="the cache is worth",
                value=money(worth),
                beside=f"a month; without it {answer['without_cache']['gpus']:,} GPUs",
                mark=usd_mark,
            )
        )
    return tuple(numbers)


def _setting(plan: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    trace, prices = plan["trace"], plan["prices"]["prices"]
    memory = ", ".join(f"{tier} ${price:g}" for tier, price in prices["gib_hour_usd"].items())
    limit = "none" if plan["gpu_limit"] is None else f"{plan['gpu_limit']:,}"
    changed = "; ".join(
        filter(None, [trace["what_if"], trace["preload"] and "preload " + trace["preload"]])
    )
    return (
        ("goal", f"{plan['goal']['text']} (target {seconds(plan['goal']['target_s'])})"),
        (
            "trace",
            f"{trace['name']}: {count(trace['requests'])} requests over "
            f"{trace['span_s'] / 3600:.1f} h" + (f"; what if: {changed}" if changed else ""),
        ),
        ("policy", plan["policy"]),
        ("costs", plan["profile"]),
        (
            "prices",
            (
                f"${prices['gpu_hour_usd']:g} a GPU-hour; a GiB-hour: {memory}; "
                f"{plan['prices']['source']}"
            ),
        ),
        ("GPU limit", limit),
        ("intervals", plan["interval"]),
    )
