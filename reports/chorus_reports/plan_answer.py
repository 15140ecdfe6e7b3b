"""The plan's answer in sentences: what to buy, what it survives, what would change it.

Every number is read from ``plan.json`` or follows from it by one subtraction.
"""

from typing import Any

from chorus_reports.quantities import counted, seconds, share


def money(value: float) -> str:
    """Return dollars of a month, rounded to whole ones, the sign before them."""
    sign = "-" if value < -0.5 else ""
    return f"{sign}${abs(value):,.0f}"


def cache_name(capacity: str) -> str:
    """Return a cell's cache in words."""
    return "no cache" if capacity == "0" else f"a {capacity} cache"


def fleet(row: dict[str, Any]) -> str:
    """Return a fleet in a cell of a table: GPUs and cache."""
    return f"{row['gpus']:,}, {'no cache' if row['capacity'] == '0' else row['capacity']}"


def times_users(growth: float) -> str:
    """Return a growth factor in words."""
    return "today's users" if growth == 1 else f"{growth:g} times the users"


def gpu_range(row: dict[str, Any]) -> str:
    """Return a GPU count with the fewest that the data do not rule out."""
    least, gpus = row["gpus_least"], row["gpus"]
    return f"{gpus:,}" if least == gpus else f"{gpus:,} ({least:,} not ruled out)"


def answer_sentences(plan: dict[str, Any]) -> list[str]:
    """Return one sentence per growth factor, the base's first, with what it costs."""
    base = plan["base_growth"]
    ordered = sorted(plan["answers"], key=lambda answer: answer["growth"] != base)
    return [_sentence(plan, answer) for answer in ordered]


def _sentence(plan: dict[str, Any], answer: dict[str, Any]) -> str:
    who = times_users(answer["growth"])
    if not answer["feasible"]:
        reasons = {bind["text"]: None for bind in answer["binds"]}
        return f"For {who} nothing meets {plan['goal']['text']}: {'; '.join(reasons)}."
    text = (
        f"For {who}, buy {counted(answer['gpus'], 'GPU')} and {cache_name(answer['capacity'])}: "
        f"{money(answer['cost']['usd'])} a month, ${answer['cost']['usd_per_video']:.3f} a video."
    )
    worth, without = answer["cache_worth_usd"], answer["without_cache"]
    if answer["capacity"] == "0":
        return text + " No cache on the list pays for its memory."
    if worth is not None:
        return (
            f"{text} Without a cache it takes {counted(without['gpus'], 'GPU')}; the cache is "
            f"worth {money(worth)} a month."
        )
    return text + " Without a cache nothing meets the goal."


def base_of(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the growth factor the one-off questions were asked at."""
    found: dict[str, Any] = next(
        one for one in plan["growth"] if one["growth"] == plan["base_growth"]
    )
    return found


def risk_sentences(plan: dict[str, Any]) -> list[str]:
    """Return what one lost GPU, a cold restart and isolation of tenants do, where asked."""
    return [text for growth in plan["growth"] for text in _risks(growth)] + _isolation(plan)


def _risks(growth: dict[str, Any]) -> list[str]:
    lines = []
    who = times_users(growth["growth"])
    lost = growth["one_lost"]
    if lost is not None:
        got = lost["estimate"]
        held = "the goal still holds" if lost["holds"] else "the goal no longer holds for sure"
        within = f"{share(got['attainment'])} of requests are within the target"
        spare = (
            f"; one spare GPU costs {money(lost['spare_usd'])} a month"
            if lost["spare_gpus"]
            else ""
        )
        lines.append(
            f"One GPU lost, {who}: on {lost['gpus']} {held} ({within}, "
            f"the goal's metric {seconds(got['value_s'])}){spare}."
        )
    cold = growth["cold_restart"]
    if cold is not None:
        lines.append(
            f"Cold restart at the peak, {who}: in its first hour the request hit ratio is "
            f"{share(cold['cold_hit_ratio'])} instead of {share(cold['warm_hit_ratio'])}, p95 "
            f"{seconds(cold['cold_p95_s'])} instead of {seconds(cold['warm_p95_s'])}, and "
            f"{share(cold['cold_attainment'])} instead of {share(cold['warm_attainment'])} of "
            "requests are within the target."
        )
    return lines


def _isolation(plan: dict[str, Any]) -> list[str]:
    apart = plan["isolation"]
    if apart is None:
        return []
    counts = f"{counted(apart['tenants'], 'tenant')} with entries apart need "
    if apart["cost_usd"] is None:
        return [f"Isolation: {counts}{apart['separate_gpus']} GPUs, shared {apart['shared_gpus']}."]
    return [
        (
            f"Isolation: {counts}{counted(apart['separate_gpus'] or 0, 'GPU')}, sharing them "
            f"{counted(apart['shared_gpus'] or 0, 'GPU')}; keeping them apart costs "
            f"{money(apart['cost_usd'])} a month."
        )
    ]


def formula_sentence(plan: dict[str, Any]) -> str:
    """Return what the queueing formula says, or why it says nothing."""
    growth = base_of(plan)
    formula = growth["formula"]
    load = (
        f"Load: without a cache the traffic offers {formula['offered_load_erlangs']:.1f} erlangs "
        f"on average and {growth['peak_load_erlangs']:.1f} in the busiest hour: a smaller fleet "
        "falls behind while it lasts."
    )
    if not formula["applies"]:
        return f"{load} Erlang C does not apply: {formula['why']}."
    gpus = formula["gpus"]
    said = "that no number of GPUs is enough" if gpus is None else counted(gpus, "GPU")
    return f"{load} The queueing formula (Erlang C) says {said} without a cache: {formula['why']}."


def energy_sentence(plan: dict[str, Any]) -> str:
    """Return the energy of the recommendation, or that nobody states watts."""
    answer = next(one for one in plan["answers"] if one["growth"] == plan["base_growth"])
    if not answer["feasible"] or answer["cost"]["kwh"] is None:
        return "Energy: no power in the profile, and none in the prices."
    cost = answer["cost"]
    return (
        f"Energy: {cost['kwh']:,.0f} kWh a month, {1000 * cost['kwh_per_video']:,.0f} Wh a video, "
        "with the watts of the prices file."
    )
