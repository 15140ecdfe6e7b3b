"""Charts of a study: accuracy against k1 by mode and by kind of edit, above what is saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chorus_runtime.quality.table import ALL, EDITS_ALONE, row_of

_COLOURS = {
    "reuse": "#d95f02",
    "reuse+tgaa": "#7570b3",
    "srd": "#e6ab02",
    "srd+tgaa": "#1b9e77",
}


def accuracy_chart(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw a panel for all edits and one for each kind, modes as lines with 95 % intervals.

    The axis above counts the FLOPs that full reuse alone saves at each k1.
    """
    from matplotlib.figure import Figure

    kinds = [EDITS_ALONE, *sorted({row["kind"] for row in table} - {ALL, EDITS_ALONE})]
    steps = table[0]["steps"]
    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, -(-len(kinds) // 2), sharex=True, sharey=True).flatten()
    for panel, kind in zip(axes, kinds, strict=False):
        full = row_of(table, "full", 0, kind)
        if full is not None:
            share = full["acceptable"]
            panel.axhspan(share["low"], share["high"], color="0.9")
            panel.axhline(share["share"], color="0.4", lw=1, label="full compute")
        for number, (mode, colour) in enumerate(_COLOURS.items()):
            found = [row for row in table if row["mode"] == mode and row["kind"] == kind]
            if not found:
                continue
            # Moved aside a little, so that intervals do not hide each other.
            at = [row["k1"] + (number - 1.5) * 0.006 * steps for row in found]
            shares = [row["acceptable"] for row in found]
            below = [max(0.0, one["share"] - one["low"]) for one in shares]
            above = [max(0.0, one["high"] - one["share"]) for one in shares]
            panel.errorbar(
                at,
                [one["share"] for one in shares],
                [below, above],
                color=colour,
                marker="o",
                ms=4,
                lw=1.4,
                elinewidth=0.8,
                label=mode,
            )
        panel.set_title(kind, pad=22)
        panel.set_ylim(-0.03, 1.03)
        panel.grid(alpha=0.3)
        above_axis = panel.secondary_xaxis(
            "top", functions=(lambda k1: 100 * k1 / steps, lambda share: share * steps / 100)
        )
        above_axis.tick_params(labelsize=7)
    for panel in axes[len(kinds) :]:
        panel.set_visible(False)
    axes[0].legend(fontsize=8)
    figure.supxlabel(f"k1 of {steps} steps (above: per cent of the FLOPs that full reuse saves)")
    figure.supylabel("every attribute of the new prompt right")
    figure.savefig(path, dpi=110)


def savings_chart(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw accuracy over all edits against the FLOPs and against the CPU time that remain."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, name, words in (
        (panels[0], "flop_share", "FLOPs"),
        (panels[1], "time_share", "measured CPU time of denoising"),
    ):
        full = row_of(table, "full", 0, EDITS_ALONE)
        if full is not None:
            panel.axhline(full["acceptable"]["share"], color="0.4", lw=1, label="full compute")
        for mode, colour in _COLOURS.items():
            found = [row for row in table if row["mode"] == mode and row["kind"] == EDITS_ALONE]
            saved = [100 * (1 - row[name]) for row in found]
            shares = [row["acceptable"]["share"] for row in found]
            panel.plot(saved, shares, color=colour, marker="o", ms=4, label=mode)
            for row, x, y in zip(found, saved, shares, strict=True):
                panel.annotate(
                    str(row["k1"]), (x, y), fontsize=6, xytext=(3, 3), textcoords="offset points"
                )
        panel.set_xlabel(f"per cent of {words} saved (numbers: k1)")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("every attribute right, all edits")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
