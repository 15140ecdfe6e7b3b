"""The study's results in tables: errors by run, targets, stages, and the order of policies."""

from pathlib import Path

import msgspec
import numpy as np
from scipy import stats

from chorus_policies.costs.profile import Profile
from chorus_sim.live.validate import TARGETS
from chorus_sim.outcome import to_json

KINDS = ("copy", "regional", "resume", "fresh")


def summed_up(home: Path, facts: dict, profile: Profile, rows: list[dict], ranked: float) -> None:
    """Write ``results.json`` and ``report.md``."""
    ranking = ranked_policies(rows, ranked)
    results = facts | {
        "profile": msgspec.to_builtins(profile),
        "targets": TARGETS,
        "runs": [row | {name: told(row[name]) for name in ("earlier", "speed")} for row in rows],
        "ranking": ranking,
    }
    (home / "results.json").write_bytes(to_json(results))
    (home / "report.md").write_text(report(facts, profile, rows, ranking), encoding="utf-8")


def told(prediction: dict) -> dict:
    """Return what the tables tell of a prediction beside the first."""
    return {name: prediction[name] for name in ("times", "verdict")}


def ranked_policies(rows: list[dict], level: float) -> dict:
    """Return worker time and p95 of each policy at one level, live and simulated."""
    here = [row for row in rows if row["level"] == level]
    found: dict[str, dict] = {}
    for policy in dict.fromkeys(row["policy"] for row in here):
        own = [row["before"] for row in here if row["policy"] == policy]
        found[policy] = {
            "runs": len(own),
            "used_s": both(own, lambda one: one["gpu_seconds"]),
            "p95_s": both(own, lambda one: one["times"]["response"]["workload"]["p95"]),
        }
    fresh = [held for row in here for held in row["fresh_held_s"]]
    baseline = float(np.mean(fresh)) * here[0]["before"]["run"]["compared"] if fresh else None
    pairs = [
        pair(one, other, figure, found)
        for place, one in enumerate(found)
        for other in list(found)[place + 1 :]
        for figure in ("used_s", "p95_s")
    ]
    return {"level": level, "fresh_s": baseline, "policies": found, "pairs": pairs}


def both(rows: list[dict], read) -> dict:
    """Return mean and 95 % interval of a figure: live over runs, simulated over draws."""
    live = np.array([read(row)["measured"] for row in rows])
    low = np.mean([read(row)["interval"][0] for row in rows])
    high = np.mean([read(row)["interval"][1] for row in rows])
    half = None
    if len(live) > 1:
        half = float(stats.t.ppf(0.975, len(live) - 1) * live.std(ddof=1) / np.sqrt(len(live)))
    return {
        "live": float(live.mean()),
        "live_interval": None if half is None else [live.mean() - half, live.mean() + half],
        "live_runs": live.tolist(),
        "simulated": float(np.mean([read(row)["predicted"] for row in rows])),
        "simulated_interval": [float(low), float(high)],
    }


def pair(one: str, other: str, figure: str, found: dict) -> dict:
    """Return whether two policies stand in the same order live and simulated."""
    first, second = found[one][figure], found[other][figure]
    apart = {
        world: clear(first[f"{world}_interval"], second[f"{world}_interval"])
        for world in ("live", "simulated")
    }
    same = (first["live"] < second["live"]) == (first["simulated"] < second["simulated"])
    return {
        "one": one,
        "other": other,
        "figure": figure,
        "same_order": bool(same),
        "apart_live": apart["live"],
        "apart_simulated": apart["simulated"],
    }


def clear(one: list[float] | None, other: list[float] | None) -> bool:
    """Tell whether two intervals do not overlap."""
    if one is None or other is None:
        return False
    return bool(one[1] < other[0] or other[1] < one[0])


COLUMNS = (
    "policy",
    "load",
    "run",
    "utilisation",
    "mean, live",
    "before",
    "earlier",
    "speed",
    "told",
    "inside",
    "p95, live",
    "before",
    "earlier",
    "speed",
    "told",
    "service",
    "kinds equal",
    "decisions differ",
    "journal",
)


def report(facts: dict, profile: Profile, rows: list[dict], ranking: dict) -> str:
    """Return the results in words and tables."""
    requests = rows[0]["before"]["run"]["compared"]
    lines = [
        "# A live server beside its prediction",
        "",
        (
            f"`{facts['model']}` at {facts['steps']} steps on {profile.device} (engine: "
            f"{facts['engine']}), one worker, cache {facts['capacity']}, "
            f"{requests} requests compared a run after {facts['warm_up']} of warm-up. Errors are "
            "predicted minus measured, as shares of what was measured. *before*: one profile, "
            "calibrated on another trace before all runs; *earlier*: calibrated on all earlier "
            "runs of the policy (chorus, and a first run: on that run and the earlier ones of "
            "chorus); *speed*: the profile of before with all times "
            "multiplied by one number, so that its mean service time is the run's; *told*: the "
            "same model given the measured stage times, which leaves its own error alone; "
            "*service*: error of the mean service time, profile before all runs. *inside*: the "
            "simulator's own interval (95 % of its draws) by *before* and by *earlier*, and "
            "whether it holds the measured mean. Command: "
            "`study.py` beside this file."
        ),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|" + "---:|" * (len(COLUMNS) - 1),
        *(f"| {' | '.join(cells(row))} |" for row in rows),
        "",
        *targets(rows),
        "",
        *stage_lines(rows, facts["policy"]),
        "",
        *ranking_lines(ranking),
        "",
        "## The trace",
        "",
    ]
    for name, kept in facts["reuse_kept"].items():
        kinds = ", ".join(f"{kind} {kept['before'][kind]}/{kept['after'][kind]}" for kind in KINDS)
        lines.append(
            f"- {name}: prompts/captions by kind under {facts['policy']}: {kinds}; "
            f"{kept['same']:.1%} of requests keep their kind"
        )
    return "\n".join(lines) + "\n"


def cells(row: dict) -> list[str]:
    """Return the line of one run."""
    one, other = row["before"], row["earlier"]
    response, told = one["times"]["response"]["workload"], one["given_stages"]["workload"]
    later = other["times"]["response"]["workload"]
    speed = row["speed"]["times"]["response"]["workload"]
    found = [
        row["policy"],
        f"{row['level']:.0%}",
        str(row["run"]),
        f"{one['run']['utilisation']:.0%}",
    ]
    for name in ("mean", "p95"):
        found += [f"{response[name]['measured']:.3f} s"]
        found += [f"{side[name]['error']:+.1%}" for side in (response, later, speed, told)]
        if name == "mean":
            found.append(f"{inside(response[name])}, {inside(later[name])}")
    return [
        *found,
        f"{one['times']['service']['workload']['mean']['error']:+.1%}",
        f"{one['kinds']['equal']:.1%}",
        str(one["decisions"]["differ"]),
        "equal" if row["journal_equal"] else "DIFFERS",
    ]


def inside(figure: dict) -> str:
    """Return an interval's width about the figure, and whether it holds the measured one."""
    low, high = figure["interval"]
    return f"±{(high - low) / 2 / figure['measured']:.0%} {'yes' if figure['inside'] else 'no'}"


def targets(rows: list[dict]) -> list[str]:
    """Return how often each target was met."""
    lines = [
        "| target | profile before all | all earlier runs | told the speed | told stage times |",
        "|---|---:|---:|---:|---:|",
    ]
    said = {
        "mean": f"mean response within {TARGETS['mean']:.0%}",
        "p95": f"p95 within {TARGETS['p95']:.0%}",
        "kinds": f"kinds equal on {TARGETS['kinds']:.0%}",
    }
    for name, text in said.items():
        cells = [
            f"{sum(row[which]['verdict'][name]['met'] for row in rows)} of {len(rows)}"
            for which in ("before", "earlier", "speed")
        ]
        if name == "kinds":
            cells.append("-")
        else:
            told = [row["before"]["given_stages"]["workload"][name]["error"] for row in rows]
            cells.append(f"{sum(abs(one) <= TARGETS[name] for one in told)} of {len(rows)}")
        lines.append(f"| {text} | {' | '.join(cells)} |")
    cells = []
    for which in ("before", "earlier", "speed"):
        held = [row[which]["times"]["response"]["workload"] for row in rows]
        both = [sum(one[name]["inside"] for one in held) for name in ("mean", "p95")]
        cells.append(f"{both[0]} and {both[1]} of {len(rows)}")
    lines.append(f"| mean and p95 inside the simulator's own interval | {' | '.join(cells)} | - |")
    equal = sum(row["journal_equal"] for row in rows)
    lines.append(f"| journal repeats bit for bit | {equal} of {len(rows)} | | | |")
    causes: dict[str, int] = {}
    for row in rows:
        for cause, number in row["before"]["decisions"]["causes"].items():
            causes[cause] = causes.get(cause, 0) + number
    return [*lines, "", f"Decisions that differ, by cause, over all runs: {causes or 'none'}."]


def stage_lines(rows: list[dict], policy: str) -> list[str]:
    """Return errors of stages by load, as shares of the service time."""
    own = [row for row in rows if row["policy"] == policy]
    names = [row["stage"] for row in own[0]["before"]["stages"]]
    lines = [
        f"Errors of stage means by load ({policy}, profile before all runs), shares of service:",
        "",
        "| load | " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---|" + "---:|" * len(names),
    ]
    for level in dict.fromkeys(row["level"] for row in own):
        cells = []
        for place in range(len(names)):
            errors = [
                row["before"]["stages"][place]["error_of_service"]
                for row in own
                if row["level"] == level
            ]
            cells.append(f"{np.mean(errors):+.2%}")
        lines.append(f"| {level:.0%} | " + " | ".join(cells) + " |")
    return lines


def ranking_lines(ranking: dict) -> list[str]:
    """Return the policies' order, live and simulated."""
    lines = [f"## Policies at {ranking['level']:.0%}", ""]
    lines += [
        "| policy | runs | worker time, live | simulated | saved, live | p95, live | simulated |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in ranking["policies"].items():
        used, p95 = row["used_s"], row["p95_s"]
        saved = (
            "-" if ranking["fresh_s"] is None else f"{1 - used['live'] / ranking['fresh_s']:.1%}"
        )
        lines.append(
            f"| {name} | {row['runs']} | {spread(used, 'live')} | {spread(used, 'simulated')} | "
            f"{saved} | {spread(p95, 'live')} | {spread(p95, 'simulated')} |"
        )
    told = [one for one in ranking["pairs"] if one["apart_live"] and one["apart_simulated"]]
    same = sum(one["same_order"] for one in told)
    every = sum(one["same_order"] for one in ranking["pairs"])
    lines += [
        "",
        (
            f"Pairs whose intervals do not overlap in either world: {len(told)} of "
            f"{len(ranking['pairs'])}; in the same order: {same}. All pairs in the same order: "
            f"{every}."
        ),
    ]
    return lines


def spread(row: dict, world: str) -> str:
    """Return a figure with its interval."""
    interval = row[f"{world}_interval"]
    text = f"{row[world]:.2f} s"
    return text if interval is None else f"{text} [{interval[0]:.2f}, {interval[1]:.2f}]"
