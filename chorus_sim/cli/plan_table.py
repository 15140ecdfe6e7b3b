"""The table a plan prints."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from chorus_reports.plan_answer import (
    answer_sentences,
    energy_sentence,
    fleet,
    formula_sentence,
    gpu_range,
    money,
    risk_sentences,
)
from chorus_sim.cli.console import wide_console


def print_plan(plan: dict[str, Any]) -> None:
    """Print what to buy at each growth factor, every cell, and what the plan survives."""
    console = wide_console()
    for line in _heading(plan):
        console.print(line)
    console.print()
    for sentence in answer_sentences(plan):
        console.print(sentence)
    if any(answer["feasible"] for answer in plan["answers"]):
        _answers(plan, console)
    _cells(plan, console)
    for sentence in (*risk_sentences(plan), formula_sentence(plan), energy_sentence(plan)):
        console.print(sentence)
    if plan["sensitivity"]:
        _tornado(plan, console)


def _heading(plan: dict[str, Any]) -> list[str]:
    trace, prices = plan["trace"], plan["prices"]["prices"]
    memory = ", ".join(f"{tier} ${price:g}" for tier, price in prices["gib_hour_usd"].items())
    limit = "" if plan["gpu_limit"] is None else f"; at most {plan['gpu_limit']} GPUs"
    return [
        f"goal     {plan['goal']['text']} ({plan['goal']['target_s']:.1f} s){limit}",
        (
            f"trace    {trace['name']}: {trace['requests']:,} requests over "
            f"{trace['span_s'] / 3600:.1f} h"
        ),
        f"policy   {plan['policy']}; costs {plan['profile']}",
        (
            f"prices   ${prices['gpu_hour_usd']:g} a GPU-hour; GiB-hour: {memory} "
            f"({plan['prices']['source']})"
        ),
        f"interval {plan['interval']}",
    ]


def _answers(plan: dict[str, Any], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("users")
    for name in (
        "GPUs",
        "cache",
        plan["goal"]["metric"],
        "at most",
        "within",
        "$/month",
        "$/video",
        "cache is worth",
        "runner-up",
    ):
        table.add_column(name, justify="right")
    for answer in plan["answers"]:
        if not answer["feasible"]:
            table.add_row(f"{answer['growth']:g}x", "none", *["-"] * 8)
            continue
        estimate, runner, worth = (
            answer["estimate"],
            answer["runner_up"],
            answer["cache_worth_usd"],
        )
        table.add_row(
            f"{answer['growth']:g}x",
            gpu_range(answer),
            answer["capacity"],
            f"{estimate['value_s']:,.1f} s",
            f"{estimate['interval_s'][1]:,.1f} s",
            f"{estimate['attainment']:.1%}",
            money(answer["cost"]["usd"]),
            f"${answer['cost']['usd_per_video']:.4f}",
            "-" if worth is None else money(worth),
            "-" if runner is None else f"{fleet(runner)}, +{money(runner['more_usd'])}",
        )
    console.print(table)


def _cells(plan: dict[str, Any], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="GPUs and $ a month by cache")
    table.add_column("users")
    capacities = [cell["capacity"] for cell in plan["growth"][0]["cells"]]
    for capacity in capacities:
        table.add_column("no cache" if capacity == "0" else capacity, justify="right", no_wrap=True)
    for growth in plan["growth"]:
        cells = [_cell(cell, place == growth["best"]) for place, cell in enumerate(growth["cells"])]
        table.add_row(f"{growth['growth']:g}x", *cells)
    console.print(table)


def _cell(cell: dict[str, Any], best: bool) -> str:
    gpus = cell["sizing"]["gpus"]
    if not cell["feasible"]:
        return "fails" if gpus is None else f"needs {gpus}"
    return f"{gpus}: {money(cell['cost']['usd'])}{' *' if best else ''}"


def _tornado(plan: dict[str, Any], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="what would change it")
    for name in ("assumption", "moved by"):
        table.add_column(name)
    for name in ("GPUs", "cache", "$/month", "change"):
        table.add_column(name, justify="right")
    for swing in plan["sensitivity"]:
        usd, change = swing["usd"], swing["change_usd"]
        table.add_row(
            swing["name"],
            swing["side"],
            "none" if swing["gpus"] is None else f"{swing['gpus']}",
            swing["capacity"],
            "out of reach" if usd is None else money(usd),
            "-" if change is None else ("+" if change > 0 else "") + money(change),
        )
    console.print(table)
