"""Cache bytes: what is occupied in each tier over time, and what is evicted."""

import numpy as np

from chorus_reports.chart import LIMIT_COLOUR, Chart, label_of, legend_above, new_figure
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.quantities import counted, seconds, share, size
from chorus_reports.timeline import Timeline, edges_between, time_unit

_TIER_COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7")
_EVICT_COLOUR = "#7c8590"
_STORE, _EVICT, _DEMOTE, _REMOVE, _TRIM = range(5)
_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))

#: A cache counts as full from this share of its capacity on.
_FULL = 0.98


def cache_bytes(run: FinishedRun) -> Chart:
    """Draw occupied bytes by tier, stacked, against the capacity, and evictions below."""
    tiers = occupied_by_tier(run)
    capacity = run.summary["bytes"]["capacity"]
    edges = edges_between(run.begin_s, run.end_s)
    unit, name = time_unit(run.end_s - run.begin_s)
    at = (edges - run.begin_s) / unit
    levels = [tier.highest(edges) for tier in tiers]
    top = max(float(np.sum(levels, axis=0).max()), 1.0)
    shown = capacity is not None and capacity <= 3 * top
    scale, bytes_name = next(pair for pair in _UNITS if top >= pair[0])
    figure, (axes, below) = new_figure(2, (2.0, 1.0))
    under = np.zeros(len(edges) - 1)
    for place, (level, tier) in enumerate(zip(levels, run.tiers, strict=True)):
        axes.stairs(
            (under + level) / scale,
            at,
            baseline=under / scale,
            fill=True,
            color=_TIER_COLOURS[place % len(_TIER_COLOURS)],
            label=f"tier {label_of(tier, str(place + 1))}",
        )
        under = under + level
    if shown:
        limit = capacity / scale
        axes.axhline(limit, color=LIMIT_COLOUR, linestyle="--", linewidth=1.1, label="capacity")
    axes.set_ylim(0, max(top, capacity if shown else 0.0) / scale * 1.08)
    axes.set_ylabel(f"occupied,\n{bytes_name}")
    legend_above(axes)
    evicted = run.moves["now_s"][run.moves["call"] == _EVICT]
    trimmed = run.moves["now_s"][run.moves["call"] == _TRIM]
    counts = np.histogram(np.concatenate([evicted, trimmed]), edges)[0]
    below.stairs(counts, at, fill=True, color=_EVICT_COLOUR)
    below.set_ylim(0, max(1, counts.max()) * 1.1)
    below.set_xlim(0, at[-1])
    below.locator_params(axis="y", integer=True, nbins=3)
    below.set_ylabel("evictions\nand trims")
    below.set_xlabel(f"{name} since the first arrival; each bar is {seconds(edges[1] - edges[0])}")
    return Chart(
        name="cache-bytes",
        title="Cache bytes and evictions",
        caption=_caption(run, edges, under, len(evicted), len(trimmed)),
        figure=figure,
    )


def occupied_by_tier(run: FinishedRun) -> list[Timeline]:
    """Return the occupied bytes of each tier over the run, from the journal's moves."""
    moves = run.moves
    call, tier, sizes = moves["call"], moves["tier"], moves["size_bytes"]
    timelines = []
    for place in range(len(run.tiers)):
        into = (tier == place) & ((call == _STORE) | (call == _DEMOTE))
        out = (tier == place) & np.isin(call, (_EVICT, _REMOVE, _TRIM))
        down = (tier == place + 1) & (call == _DEMOTE)
        delta = np.where(into, sizes, 0.0) - np.where(out | down, sizes, 0.0)
        timelines.append(Timeline(moves["now_s"], delta))
    return timelines


def _caption(
    run: FinishedRun, edges: FloatArray, total: FloatArray, evictions: int, trims: int
) -> str:
    bytes_ = run.summary["bytes"]
    capacity = bytes_["capacity"]
    end = f"At the end {size(bytes_['occupied'])} are occupied"
    if capacity is None:
        return f"{end}; the cache has no limit."
    text = f"{end} of {size(capacity)} ({share(bytes_['occupied'] / capacity)})."
    if not evictions + trims:
        return f"{text} Nothing is evicted: the cache never fills, so this run tests no eviction."
    full = np.flatnonzero(total >= _FULL * capacity)
    if len(full):
        text += f" The cache is full after {seconds(edges[full[0] + 1] - edges[0])}."
    moved = size(bytes_["evicted"])
    both = f"{counted(evictions, 'eviction')} and {counted(trims, 'trim')} to the final latent"
    return f"{text} {both} drop {moved} over the whole run."
