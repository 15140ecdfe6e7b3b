"""The comparison report: a table of policies by capacity, and a plot of what each saves."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from chorus_reports.document import Document, Section, Table
from chorus_reports.not_modelled import NOT_MODELLED
from chorus_reports.page import write_page
from chorus_reports.plot import (
    INK,
    SERIES_COLOURS,
    Dash,
    Line,
    Marker,
    Panel,
    Plot,
    Series,
    log_ticks,
)
from chorus_reports.quantities import share
from chorus_traces.errors import ScenarioError

#: The next one where the colours begin again.
_MARKERS: tuple[Marker, ...] = ("circle", "square", "triangle", "diamond")

_BOUND_STYLES: dict[str, Dash] = {
    "clairvoyant": "dotted",
    "unbounded": "dashed",
    "upper_bound": "solid",
}


def write_comparison(folder: Path) -> None:
    """Write the report of ``comparison.json`` in ``folder``.

    Raises ``ScenarioError`` when the file is missing or damaged.
    """
    path = folder / "comparison.json"
    try:
        comparison = json.loads(path.read_bytes())
        document = _document(comparison)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ScenarioError(
            f"{path}: not a whole comparison ({type(error).__name__}: {error}); run the "
            "comparison again"
        ) from error
    write_page(document, folder)


def _document(comparison: dict[str, Any]) -> Document:
    rows = comparison["rows"]
    names = list(rows[0]["policies"])
    plot = _plot(comparison)
    saved = Table(
        caption="GPU time saved",
        columns=("capacity", *names, *(bound.replace("_", " ") for bound in _BOUND_STYLES)),
        rows=tuple(
            (
                row["capacity"],
                *(_cell(row, name) for name in names),
                *(_bound(row["bounds"][bound]) for bound in _BOUND_STYLES),
            )
            for row in rows
        ),
        note="* best of its row, = within noise of the best.",
    )
    behind = Table(
        caption="Behind the best of the row, points",
        columns=("capacity", *names),
        rows=tuple(
            (row["capacity"], *(_behind(row["policies"][name]) for name in names)) for row in rows
        ),
        note="With paired 95 % intervals: all policies see the same draws of blocks.",
    )
    return Document(
        title=f"Policies compared on {Path(comparison['trace']['name']).name}",
        answer=tuple(_answer(row) for row in rows),
        sections=(
            Section(
                title="Comparison", paragraphs=(_preamble(comparison),), tables=(saved, behind)
            ),
            Section(title="Figure", plots=(plot,)),
            Section(
                title="What is not modelled",
                points=tuple(f"{what}: {meaning}" for what, meaning in NOT_MODELLED.items()),
            ),
        ),
    )


def _answer(row: dict[str, Any]) -> str:
    """Return who saves most at one capacity, and whom noise does not tell apart from it."""
    best = row["best"]
    text = f"At {row['capacity']} {best} saves most, {share(row['policies'][best]['saved_share'])}"
    equal = [name for name in row["policies"] if name != best]
    equal = [name for name in equal if row["policies"][name]["within_noise"]]
    return text + (f"; {', '.join(equal)} cannot be told apart from it." if equal else ".")


def _plot(comparison: dict[str, Any]) -> Plot:
    rows = comparison["rows"]
    sizes = np.array([row["capacity_bytes"] / 2**30 for row in rows])
    series: list[Series] = []
    for place, name in enumerate(rows[0]["policies"]):
        figures = [row["policies"][name] for row in rows]
        series.append(
            Line(
                name=name,
                x=sizes,
                y=np.array([100 * one["saved_share"] for one in figures]),
                colour=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                marker=_MARKERS[place // len(SERIES_COLOURS) % len(_MARKERS)],
                marker_size=3,
                low=np.array([100 * one["ci95"][0] for one in figures]),
                high=np.array([100 * one["ci95"][1] for one in figures]),
            )
        )
    for name, dash in _BOUND_STYLES.items():
        if any(row["bounds"][name] is None for row in rows):
            continue
        shares = np.array([100 * row["bounds"][name] for row in rows])
        title = name.replace("_", " ")
        series.append(Line(name=title, x=sizes, y=shares, colour=INK, dash=dash))
    low, high = float(sizes.min()) / 1.1, float(sizes.max()) * 1.1
    return Plot(
        name="saved-by-capacity",
        title="Saved GPU time",
        caption="Bands are 95 % intervals of each policy alone; differences are judged by paired "
        "intervals in the table.",
        panels=(Panel(series=tuple(series), y_label="GPU time saved, %"),),
        x_label="capacity, GiB (log scale)",
        x_range=(low, high),
        x_log=True,
        x_ticks=log_ticks(low, high, base=2),
    )


def _preamble(comparison: dict[str, Any]) -> str:
    trace = comparison["trace"]
    return (
        f"{trace['requests']:,} requests (SHA-256 {trace['sha256'][:16]}), costs "
        f"{comparison['profile']}. Share of GPU time saved against no cache, with its 95 % "
        f"interval ({comparison['interval']}). Simulated, so modelled at best. The bounds "
        f"run over {comparison['bounds_over']}: clairvoyant is a heuristic over whole "
        "entries, unbounded is not a proven bound, the upper bound is one for that reuse rule and "
        "entry form."
    )


def _bound(saved_share: float | None) -> str:
    """Return a bound, or a dash where it cannot be proven."""
    return "-" if saved_share is None else f"{saved_share:.2%}"


def _cell(row: dict[str, Any], name: str) -> str:
    policy = row["policies"][name]
    low, high = policy["ci95"]
    text = f"{policy['saved_share']:.2%} ± {(high - low) / 2:.2%}"
    if name == row["best"]:
        return f"{text} *"
    return f"{text} =" if policy["within_noise"] else text


def _behind(policy: dict[str, Any]) -> str:
    low, high = policy["behind_best_ci95"]
    if policy["behind_best"] == 0 and low == high:
        return "best"
    return f"{100 * policy['behind_best']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
