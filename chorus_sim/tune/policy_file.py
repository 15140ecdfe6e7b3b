"""The policy that a search leaves: a TOML file to deploy, with its evidence in the header."""

import textwrap
from importlib.metadata import version

import tomli_w

from chorus_sim.tune.objective import OBJECTIVES
from chorus_sim.tune.trials import optuna_version
from chorus_sim.tune.tune import Optimum, Search, Tuned
from chorus_sim.tune.verdict import Judged

#: How a file begins that ``tune`` may write over.
FIRST_LINE = "# Written by chorus-sim tune"

_WIDTH = 96


def policy_text(tuned: Tuned, search: Search) -> str:
    """Return the file: comments with the evidence, then the policy, every number written out."""
    comments = [
        f"{FIRST_LINE} (chorus-cache {version('chorus-cache')}, optuna {optuna_version()}).",
        f"# {outcome(tuned)}",
        "#",
        *_facts(tuned, search),
        *_numbers(tuned),
    ]
    return "\n".join(comments) + "\n\n" + tomli_w.dumps(tuned.policy.to_table())


def outcome(tuned: Tuned) -> str:
    """Return in one line what was found, and what the file holds."""
    base = tuned.base.name
    if tuned.verdict is None:
        return f"No trial was better than {base}: this is {base}."
    if not tuned.verdict.beats:
        return f"On held-out traffic the best trial does not beat {base}: this is {base}."
    return f"On held-out traffic this beats {base}."


def judged_line(row: Judged) -> str:
    """Return one objective: base, candidate, and the difference with its interval."""
    objective = OBJECTIVES[row.objective]
    low, high = (objective.shown(value) for value in row.ci95)
    return (
        f"{row.objective}: base {objective.shown(row.base)}, found {objective.shown(row.found)}, "
        f"better by {objective.shown(row.better_by)} [{low}, {high}]"
    )


def optimum_line(one: Optimum) -> str:
    """Return a trial: its number, values and choices."""
    values = ", ".join(f"{name} {OBJECTIVES[name].shown(v)}" for name, v in one.values.items())
    chosen = ", ".join(f"{key} = {_value(value)}" for key, value in one.chosen.items())
    return f"trial {one.trial}: {values}; {chosen}"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _facts(tuned: Tuned, search: Search) -> list[str]:
    scenario, stamp = search.scenario, tuned.stamp
    tried, held_out = tuned.requests
    reason = f": {tuned.refusal}" if tuned.refusal else ""
    base, prices, tier = tuned.base, scenario.prices, scenario.cache.tier
    lines = {
        "trace": f"{stamp.name}, {stamp.requests:,} requests, sha256 {stamp.sha256}",
        "parts": f"trials on the first {tried:,} requests, verdict on the last {held_out:,}; both "
        "start with an empty cache",
        "objective": "; ".join(OBJECTIVES[name].meaning for name in search.objectives),
        "search": f"{tuned.finished:,} trials ({tuned.refused} refused{reason}), seed "
        f"{scenario.run.seed}, {len(search.space.parameters)} keys of {base.name} "
        f"({base.fingerprint})",
        "fleet": f"{tuned.gpus} GPUs; capacity {scenario.cache.capacity}",
        "costs": f"{','.join(tuned.book.names)}: {tuned.book.source}; GPU "
        f"${prices.gpu_hour_usd:g} per hour and {tier} memory "
        f"${prices.gib_hour_usd.get(tier, 0.0):g} per GiB and hour: assumed",
        "not judged": f"how reused clips look, but by the curve {scenario.quality}"
        if scenario.quality
        else "how reused clips look",
    }
    return [line for name, text in lines.items() for line in _wrapped(f"{name:<11} {text}")]


def _numbers(tuned: Tuned) -> list[str]:
    lines = ["#"]
    if tuned.verdict is not None:
        parts = (("trials", tuned.verdict.tried), ("held out", tuned.verdict.held_out))
        for part, rows in parts:
            for row in rows:
                lines += _wrapped(f"{part:<11} {judged_line(row)}")
        lines += _wrapped("intervals   paired block bootstrap, 95 %; those on trials are biased")
        if tuned.verdict.why:
            lines += _wrapped(f"verdict     {tuned.verdict.why}")
    if tuned.found is not None:
        lines += _wrapped(f"found       {optimum_line(tuned.found)}")
    if len(tuned.front) > 1:
        for one in tuned.front:
            lines += _wrapped(f"front       {optimum_line(one)}")
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="#" + " " * 13, break_long_words=False
    )
