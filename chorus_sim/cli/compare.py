"""``chorus-sim compare``: policies against each other and the bounds, capacity by capacity."""

from pathlib import Path
from typing import Any

import click

from chorus_sim.cli.scenario_options import scenario_changes, scenario_options

#: Fields that a comparison does not read.
_WITHOUT_EFFECT = {
    "run.warm_up": "every request counts",
    "run.replications": "intervals are of blocks of one run",
    "run.bounds": "the bounds are always run",
    "slo.target": "response times are not compared",
}


@click.command()
@scenario_options("--policy", "--capacity", "--bounds", "--slo")
@click.option("--policies", required=True, metavar="A,B,...", help="Presets or TOML files.")
@click.option(
    "--capacities", required=True, metavar="SIZE,...", help="1GiB,4GiB or shares like 1%,5%."
)
@click.option("--out", metavar="DIR", help="Folder, new or empty. [default: out/TRACE-compare]")
@click.option(
    "--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def compare(
    scenario: str | None,
    changes: tuple[str, ...],
    policies: str,
    capacities: str,
    out: str | None,
    output: str,
    **flags: str | None,
) -> None:
    """Compare policies at several capacities: GPU time saved, with paired intervals."""
    from chorus_reports.comparison_report import write_comparison
    from chorus_sim.cli.load import load_trace, say_unknown_embedder, trace_stem
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.compare import compare as compare_policies
    from chorus_sim.experiment import check_names
    from chorus_sim.outcome import RunFolder, to_json
    from chorus_sim.scenario_file import read_scenario, with_policy

    names = _listed("--policies", policies)
    sizes = _listed("--capacities", capacities)
    stated = scenario_changes(flags, changes, _WITHOUT_EFFECT)
    resolved = read_scenario(Path(scenario) if scenario else None, stated)
    for name in names:
        check_names(with_policy(resolved, name))
    for size in sizes:
        read_scenario(None, {"cache.capacity": size})
    folder = RunFolder(Path(out) if out else None, f"{trace_stem(resolved)}-compare")
    with progress_bars() as progress:
        trace = load_trace(resolved, progress)
        comparison = compare_policies(resolved, trace, names, sizes, progress)
        with folder as partial:
            (partial / "comparison.json").write_bytes(to_json(comparison))
            (partial / "scenario.toml").write_text(resolved.to_toml(), encoding="utf-8")
            write_comparison(partial)
    if output == "json":
        click.echo(to_json(comparison), nl=False)
    else:
        _print(comparison)
    say_unknown_embedder(trace)
    click.echo(f"written: {folder.path}/", err=True)


def _listed(flag: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) < len(names):
        raise click.UsageError(f"{flag} {text!r}: name at least one, each once")
    return names


def _print(comparison: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from chorus_sim.cli.console import wide_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = list(comparison["rows"][0]["policies"])
    table.add_column("GPU time saved at")
    for name in [*names, "clairvoyant", "unbounded", "upper bound"]:
        table.add_column(name, justify="right")
    for row in comparison["rows"]:
        cells = [_cell(row, name) for name in names]
        bounds = [f"{row['bounds'][name]:.2%}" for name in ("clairvoyant", "unbounded")]
        most = row["bounds"]["upper_bound"]
        bounds.append("-" if most is None else f"{most:.2%}")
        table.add_row(row["capacity"], *cells, *bounds)
    console = wide_console()
    console.print(table)
    for line in _false_hits(comparison):
        console.print(line)
    console.print(
        f"* best of its row, = within noise of the best ({comparison['interval']}); the bounds run "
        f"over {comparison['bounds_over']}, clairvoyant is a heuristic, unbounded is not a proven "
        "bound, the upper bound is one for that reuse rule and entry form; costs: "
        f"{comparison['profile']}"
    )


def _false_hits(comparison: dict[str, Any]) -> list[str]:
    """Return a line for each capacity and policy whose results were judged."""
    lines = []
    for row in comparison["rows"]:
        for name, policy in row["policies"].items():
            found = policy.get("judgements")
            if found is None or found["false_hit_rate"] is None:
                continue
            low, high = found["false_hit_rate_ci95"]
            budget = "" if found["delta"] is None else f", delta {found['delta']:.0%}"
            lines.append(
                f"false hits at {row['capacity']}, {name}: {found['false_hit_rate']:.1%} "
                f"[{low:.1%}, {high:.1%}] of requests with a donor{budget}"
            )
    return lines


def _cell(row: dict[str, Any], name: str) -> str:
    policy = row["policies"][name]
    low, high = policy["ci95"]
    mark = "*" if name == row["best"] else "=" if policy["within_noise"] else " "
    return f"{policy['saved_share']:.2%} \u00b1{(high - low) / 2:.2%}{mark}"
