"""The comparison report: a table of policies by capacity, and a plot of what each saves."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

from chorus_reports.chart import COLUMN_COLOURS, SETTINGS, Chart, legend_above, new_figure
from chorus_traces.errors import ScenarioError

#: Colours that stay apart for colour-blind readers (after Okabe and Ito, 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#56b4e9", "#f0e442", "#cc79a7", "#7c8590", "#000000")


def write_comparison(folder: Path) -> None:
    """Write ``comparison.md`` and its figure from ``comparison.json`` in ``folder``.

    Raises ``ScenarioError`` when the file is missing or damaged.
    """
    path = folder / "comparison.json"
    try:
        comparison = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ScenarioError(
            f"{path}: cannot be read ({error}); run the comparison again"
        ) from error
    (folder / "figures").mkdir()
    with mpl.rc_context(SETTINGS):
        chart = _chart(comparison)
        chart.write(folder / "figures")
    (folder / "comparison.md").write_text(_markdown(comparison, chart), encoding="utf-8")


def _chart(comparison: dict[str, Any]) -> Chart:
    figure, (axes,) = new_figure()
    rows = comparison["rows"]
    sizes = [row["capacity_bytes"] / 2**30 for row in rows]
    for place, name in enumerate(rows[0]["policies"]):
        colour = _COLOURS[place % len(_COLOURS)]
        figures = [row["policies"][name] for row in rows]
        shares = [100 * one["saved_share"] for one in figures]
        axes.fill_between(
            sizes,
            [100 * one["ci95"][0] for one in figures],
            [100 * one["ci95"][1] for one in figures],
            color=colour,
            alpha=0.08,
            linewidth=0,
        )
        axes.plot(sizes, shares, color=colour, marker="o", markersize=3, label=name)
    for name, style in (("clairvoyant", ":"), ("unbounded", "--")):
        shares = [100 * row["bounds"][name] for row in rows]
        axes.plot(sizes, shares, style, color=COLUMN_COLOURS[name], label=name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("capacity, GiB")
    axes.set_ylabel("GPU time saved, %")
    legend_above(axes)
    first, last = rows[0], rows[-1]
    caption = (
        f"At {first['capacity']} {first['best']} saves most "
        f"({first['policies'][first['best']]['saved_share']:.1%}), at {last['capacity']} "
        f"{last['best']} ({last['policies'][last['best']]['saved_share']:.1%}). Bands are 95 % "
        "intervals of each policy alone; differences are judged by paired intervals in the table."
    )
    return Chart(name="saved-by-capacity", title="Saved GPU time", caption=caption, figure=figure)


def _markdown(comparison: dict[str, Any], chart: Chart) -> str:
    rows = comparison["rows"]
    names = list(rows[0]["policies"])
    trace = comparison["trace"]
    lines = [
        f"# Policies compared on {trace['name']}",
        "",
        _preamble(comparison),
        "",
        "| capacity | " + " | ".join([*names, "clairvoyant", "unbounded"]) + " |",
        "|---" * (len(names) + 3) + "|",
    ]
    for row in rows:
        cells = [_cell(row, name) for name in names]
        bounds = [f"{row['bounds'][name]:.2%}" for name in ("clairvoyant", "unbounded")]
        lines.append("| " + " | ".join([row["capacity"], *cells, *bounds]) + " |")
    lines += ["", "Behind the best of the row, paired 95 % interval, points:", ""]
    lines += ["| capacity | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        cells = [_behind(row["policies"][name]) for name in names]
        lines.append("| " + " | ".join([row["capacity"], *cells]) + " |")
    lines += ["", f"![{chart.title}](figures/{chart.name}.png)", "", chart.caption, ""]
    return "\n".join(lines)


def _preamble(comparison: dict[str, Any]) -> str:
    trace = comparison["trace"]
    return (
        f"{trace['requests']:,} requests (SHA-256 `{trace['sha256'][:16]}`), costs "
        f"{comparison['profile']}. Share of GPU time saved against no cache, with its 95 % "
        f"interval ({comparison['interval']}). **Bold**: best of the row; *=*: within noise of "
        f"the best. The bounds run over {comparison['bounds_over']}: clairvoyant is a heuristic "
        "over whole entries, unbounded is not a proven bound."
    )


def _cell(row: dict[str, Any], name: str) -> str:
    policy = row["policies"][name]
    low, high = policy["ci95"]
    text = f"{policy['saved_share']:.2%} ± {(high - low) / 2:.2%}"
    if name == row["best"]:
        return f"**{text}**"
    return f"{text} *=*" if policy["within_noise"] else text


def _behind(policy: dict[str, Any]) -> str:
    low, high = policy["behind_best_ci95"]
    if policy["behind_best"] == 0 and low == high:
        return "best"
    return f"{100 * policy['behind_best']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
