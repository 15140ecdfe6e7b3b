"""Cache bytes: what is occupied in each tier over time, and what is evicted."""

import numpy as np

from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import LIMIT_COLOUR, Panel, Plot, Series, Steps, label_of
from chorus_reports.quantities import counted, seconds, share, size
from chorus_reports.timeline import Timeline, edges_between, time_unit

_TIER_COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7")
_EVICT_COLOUR = "#7c8590"
_STORE, _EVICT, _DEMOTE, _REMOVE, _TRIM, _PUBLISH, _ABANDON, _RESTORE, _SHED = range(9)
_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))

#: A cache counts as full from this share of its capacity on.
_FULL = 0.98


def cache_bytes(run: FinishedRun) -> Plot:
    """Draw occupied bytes by tier, stacked, against the capacity, and evictions below."""
    tiers = occupied_by_tier(run)
    edges = edges_between(run.begin_s, run.end_s)
    unit, name = time_unit(run.end_s - run.begin_s)
    at = (edges - run.begin_s) / unit
    levels = [tier.highest(edges) for tier in tiers]
    top = max(float(np.sum(levels, axis=0).max()), 1.0)
    total = np.sum(levels, axis=0)
    allowed = capacity_over_time(run, edges)
    highest = 0.0 if allowed is None else float(np.nanmax(allowed))
    adaptive = len(run.resizes["now_s"]) > 0
    scale, bytes_name = next(pair for pair in _UNITS if top >= pair[0])
    series: list[Series] = [
        Steps(
            name=f"tier {label_of(tier, str(place + 1))}",
            edges=at,
            values=level / scale,
            colour=_TIER_COLOURS[place % len(_TIER_COLOURS)],
        )
        for place, (level, tier) in enumerate(zip(levels, run.tiers, strict=True))
    ]
    if allowed is not None and (adaptive or highest <= 3 * top):
        series.append(
            Steps(
                name=f"capacity of {label_of(run.tiers[0], 'tier 1')}" if adaptive else "capacity",
                edges=at,
                values=allowed / scale,
                colour=LIMIT_COLOUR,
                filled=False,
                dash="dashed",
                width=1.1,
            )
        )
        top = max(top, highest)
    evicted = run.moves["now_s"][run.moves["call"] == _EVICT]
    trimmed = run.moves["now_s"][run.moves["call"] == _TRIM]
    counts = np.histogram(np.concatenate([evicted, trimmed]), edges)[0].astype(float)
    below = Steps(name="", edges=at, values=counts, colour=_EVICT_COLOUR)
    return Plot(
        name="cache-bytes",
        title="Cache bytes and evictions",
        caption=_caption(run, edges, total, len(evicted), len(trimmed)),
        panels=(
            Panel(
                series=tuple(series),
                y_label=f"occupied,\n{bytes_name}",
                y_range=(0.0, top / scale * 1.08),
                height=2.0,
            ),
            Panel(
                series=(below,),
                y_label="evictions\nand trims",
                y_range=(0.0, max(1.0, float(counts.max())) * 1.1),
                whole=True,
            ),
        ),
        x_label=f"{name} since the first arrival; each bar is {seconds(edges[1] - edges[0])}",
        x_range=(0.0, float(at[-1])),
    )


def capacity_over_time(run: FinishedRun, edges: FloatArray) -> FloatArray | None:
    """Return the bytes allowed at the end of each bin; ``None`` without a limit.

    Where a sizing part follows prices it is what the first tier may use, NaN before the first
    change: the journal holds changes alone.
    """
    capacity = run.summary["bytes"]["capacity"]
    if capacity is None:
        return None
    instants, sizes = run.resizes["now_s"], run.resizes["size_bytes"]
    if not len(instants):
        return np.full(len(edges) - 1, float(capacity))
    levels = np.concatenate([[np.nan], sizes])
    changed: FloatArray = levels[np.searchsorted(instants, edges[1:], side="right")]
    return changed


def occupied_by_tier(run: FinishedRun) -> list[Timeline]:
    """Return the occupied bytes of each tier over the run, from the journal's moves."""
    moves = run.moves
    call, tier, sizes = moves["call"], moves["tier"], moves["size_bytes"]
    timelines = []
    for place in range(len(run.tiers)):
        into = (tier == place) & np.isin(call, (_STORE, _DEMOTE, _PUBLISH, _RESTORE))
        out = (tier == place) & np.isin(call, (_EVICT, _REMOVE, _TRIM, _ABANDON, _SHED))
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
    sizes = run.resizes["size_bytes"]
    if len(sizes):
        text += (
            f" Its sizing changes the capacity {counted(len(sizes), 'time')}, between "
            f"{size(sizes.min())} and {size(sizes.max())}, at last to {size(sizes[-1])}."
        )
    if not evictions + trims:
        return f"{text} Nothing is evicted: the cache never fills, so this run tests no eviction."
    full = np.flatnonzero(total >= _FULL * capacity)
    if len(full):
        text += f" The cache is full after {seconds(edges[full[0] + 1] - edges[0])}."
    moved = size(bytes_["evicted"])
    left = counted(evictions, "eviction")
    if trims:
        left += f" and {counted(trims, 'trim')} to the final latent"
    text = f"{text} In the whole run {moved} leave by {left}."
    if np.any(run.moves["call"] == _SHED):
        text += " Step latents that leave when their run finishes are no evictions."
    return text
