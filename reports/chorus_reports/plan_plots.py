"""Plots of a plan: cost and response time, GPUs by growth, and the tornado."""

from typing import Any

import numpy as np

from chorus_reports.plan_answer import money, times_users
from chorus_reports.plot import SERIES_COLOURS, Bars, Limit, Line, Panel, Plot, Series

_LOWER, _HIGHER = "#56b4e9", "#d55e00"


def plan_plots(plan: dict[str, Any]) -> tuple[Plot, ...]:
    """Return the plots that have something to show."""
    plots = [_cost_against_response(plan)]
    if len(plan["growth"]) > 1:
        plots.append(_gpus_by_growth(plan))
    if any(swing["change_usd"] is not None for swing in plan["sensitivity"]):
        plots.append(_tornado(plan))
    return tuple(plots)


def _cost_against_response(plan: dict[str, Any]) -> Plot:
    """Draw, at the base, every number of GPUs that was tried."""
    growth = next(one for one in plan["growth"] if one["growth"] == plan["base_growth"])
    metric, target = plan["goal"]["metric"], plan["goal"]["target_s"]
    hour = 720 * plan["prices"]["prices"]["gpu_hour_usd"]
    series: list[Series] = []
    for place, cell in enumerate(growth["cells"]):
        tried = [one for one in cell["sizing"]["tried"] if one["estimate"]["interval_s"]]
        if not tried:
            continue
        memory = 0.0 if cell["cost"] is None else cell["cost"]["usd"] - cell["cost"]["gpu_usd"]
        spans = np.array([one["estimate"]["interval_s"] for one in tried])
        series.append(
            Line(
                name="no cache" if cell["capacity"] == "0" else cell["capacity"],
                x=np.array([one["gpus"] * hour + memory for one in tried]),
                y=np.array([one["estimate"]["value_s"] for one in tried]),
                low=spans[:, 0],
                high=spans[:, 1],
                colour=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                marker="circle",
                marker_size=3,
                notes=tuple(
                    f"{one['gpus']} GPUs: {'meets' if one['meets'] else 'fails'}" for one in tried
                ),
            )
        )
    series.append(Limit(name=f"target {target:g} s", at=target))
    return Plot(
        name="cost-response",
        title=f"Cost and {metric} of the response time",
        caption=f"Every fleet tried for {times_users(growth['growth'])}, with its 95 % interval. A "
        "fleet counts only where its whole band lies below the target.",
        panels=(Panel(series=tuple(series), y_label=f"{metric} of response, s"),),
        x_label="$ a month",
        nothing="" if len(series) > 1 else "every fleet tried misses by far",
    )


def _gpus_by_growth(plan: dict[str, Any]) -> Plot:
    series: list[Series] = []
    for place, cell in enumerate(plan["growth"][0]["cells"]):
        points = sorted(
            (growth["growth"], growth["cells"][place]["sizing"]["gpus"])
            for growth in plan["growth"]
            if growth["cells"][place]["feasible"]
        )
        if not points:
            continue
        series.append(
            Line(
                name="no cache" if cell["capacity"] == "0" else cell["capacity"],
                x=np.array([growth for growth, _ in points]),
                y=np.array([gpus for _, gpus in points], dtype=np.float64),
                colour=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                marker="circle",
                marker_size=3,
            )
        )
    if plan["gpu_limit"] is not None:
        series.append(Limit(name="GPU limit", at=float(plan["gpu_limit"])))
    return Plot(
        name="gpus-by-growth",
        title="GPUs by growth",
        caption="The fewest GPUs that meet the goal with confidence; a cache without a point at a "
        "growth factor meets it with no number of GPUs that is allowed.",
        panels=(Panel(series=tuple(series), y_label="GPUs", whole=True),),
        x_label="times the users",
        nothing="" if any(isinstance(one, Line) for one in series) else "nothing meets the goal",
    )


def _tornado(plan: dict[str, Any]) -> Plot:
    """Draw the change of the monthly cost by assumption, the widest on top.

    A side that puts the goal out of reach has no bar; the caption names it.
    """
    sides: dict[str, list[dict[str, Any]]] = {}
    for swing in plan["sensitivity"]:
        sides.setdefault(swing["name"], []).append(swing)
    names = sorted(sides, key=lambda name: -max(abs(_change(one)) for one in sides[name]))
    widest = ", ".join(
        f"{one['side']} {money(_change(one))}"
        for one in sides[names[0]]
        if one["change_usd"] is not None
    )
    lost = ", ".join(
        f"{one['name']} {one['side']}" for one in plan["sensitivity"] if one["change_usd"] is None
    )
    return Plot(
        name="tornado",
        title="What would change the monthly cost",
        caption=f"Each assumption a fifth down and up, one at a time. {names[0].capitalize()} "
        f"moves it most: {widest}."
        + (f" No bar because the goal is then out of reach: {lost}." if lost else ""),
        panels=(
            Panel(
                series=tuple(
                    Bars(
                        name=label,
                        labels=tuple(names),
                        values=np.array([_change(sides[name][place]) for name in names]),
                        colour=colour,
                    )
                    for label, place, colour in (
                        ("low side", 0, _LOWER),
                        ("high side", -1, _HIGHER),
                    )
                ),
                y_label="",
            ),
        ),
        x_label="change, $ a month",
    )


def _change(swing: dict[str, Any]) -> float:
    return float(swing["change_usd"] or 0.0)
