"""Tables of a plan: what to buy, every cell, what would change it, what binds, and sources."""

from typing import Any

from chorus_reports.document import Section, Table
from chorus_reports.plan_answer import fleet, money
from chorus_reports.quantities import seconds


def answers_table(plan: dict[str, Any]) -> Table:
    """Return what to buy at each growth factor."""
    rows = []
    for answer in plan["answers"]:
        users = f"{answer['growth']:g}x"
        if not answer["feasible"]:
            rows.append((users, "nothing meets it", *["-"] * 4))
            continue
        worth = answer["cache_worth_usd"]
        rows.append(
            (
                users,
                f"{answer['gpus']:,}",
                "none" if answer["capacity"] == "0" else answer["capacity"],
                seconds(answer["estimate"]["interval_s"][1]),
                money(answer["cost"]["usd"]),
                "-" if worth is None else money(worth),
            )
        )
    return Table(
        columns=(
            "users",
            "GPUs",
            "cache",
            f"{plan['goal']['metric']} at most",
            "$ a month",
            "cache is worth",
        ),
        rows=tuple(rows),
        note="GPUs: the fewest that meet the goal with confidence. Dollars: prices "
        f"{plan['prices']['source']}, the whole fleet, every hour.",
    )


def doubt_table(plan: dict[str, Any]) -> tuple[Table, ...]:
    """Return how sure each answer is and what comes second, where there is an answer."""
    rows = []
    for answer in plan["answers"]:
        if not answer["feasible"]:
            continue
        runner = answer["runner_up"]
        rows.append(
            (
                f"{answer['growth']:g}x",
                f"{answer['gpus_least']:,} to {answer['gpus']:,}",
                "-" if runner is None else fleet(runner),
                "-" if runner is None else f"+{money(runner['more_usd'])}",
            )
        )
    table = Table(
        columns=("users", "GPUs in doubt", "runner-up", "$ a month more"),
        rows=tuple(rows),
        note="GPUs in doubt: from the fewest tried that the data do not rule out.",
    )
    return (table,) if rows else ()


def cells_table(plan: dict[str, Any]) -> Table:
    """Return GPUs and dollars of every growth factor and cache."""
    names = [cell["capacity"] for cell in plan["growth"][0]["cells"]]
    best = {
        answer["growth"]: fleet(answer) if answer["feasible"] else "none"
        for answer in plan["answers"]
    }
    return Table(
        columns=("users", "cheapest", *("no cache" if name == "0" else name for name in names)),
        rows=tuple(
            (
                f"{growth['growth']:g}x",
                best[growth["growth"]],
                *(_cell(cell) for cell in growth["cells"]),
            )
            for growth in plan["growth"]
        ),
        note="GPUs and dollars a month. A cell that fails is never recommended.",
    )


def _cell(cell: dict[str, Any]) -> str:
    gpus = cell["sizing"]["gpus"]
    if not cell["feasible"]:
        return "fails" if gpus is None else f"needs {gpus:,}"
    return f"{gpus:,}: {money(cell['cost']['usd'])}"


def tornado_section(plan: dict[str, Any]) -> tuple[Section, ...]:
    """Return what each assumption moves, where there is a recommendation."""
    if not plan["sensitivity"]:
        return ()
    rows = tuple(
        (
            f"{swing['name']} {swing['side']}",
            "out of reach"
            if swing["change_usd"] is None
            else ("+" if swing["change_usd"] > 0 else "") + money(swing["change_usd"]),
            "none" if swing["gpus"] is None else f"{swing['gpus']:,}",
            swing["capacity"],
        )
        for swing in plan["sensitivity"]
    )
    return (
        Section(
            title="What would change it",
            paragraphs=(
                (
                    f"One assumption at a time, at {plan['base_growth']:g}x. Service time, traffic "
                    "and likeness are simulated again on the recommended cache; prices choose anew "
                    "among the cells above."
                ),
            ),
            tables=(Table(columns=("assumption", "$ a month", "GPUs", "cache"), rows=rows),),
        ),
    )


def binding_section(plan: dict[str, Any]) -> tuple[Section, ...]:
    """Return what binds in cells that fail, where one does."""
    points = tuple(
        f"{growth['growth']:g}x, {cell['capacity'] if cell['cached'] else 'no cache'}, "
        f"{bind['what']}: {bind['text']}"
        for growth in plan["growth"]
        for cell in growth["cells"]
        for bind in cell["binds"]
    )
    return (Section(title="What binds where it fails", points=points),) if points else ()


def sources_table(plan: dict[str, Any]) -> Table:
    """Return where each kind of number is from."""
    cell = plan["growth"][0]["cells"][0]
    made = "generated" if plan["trace"]["generated"] else "recorded"
    return Table(
        columns=("numbers", "source", "how"),
        words=True,
        rows=(
            ("traffic", plan["trace"]["source"], f"{made}; more users are copies of sessions"),
            ("response times, hit ratios, GPUs", cell["source"], f"simulated; {plan['interval']}"),
            (
                "prices, watts",
                plan["prices"]["source"],
                "the prices file; a month is 30 mean days of the trace",
            ),
            (
                "what would change it",
                "assumed",
                "a fifth up and down is a convention, not a forecast",
            ),
        ),
    )
