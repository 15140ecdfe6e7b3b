"""Arrival: sessions start as a Poisson process with a daily cycle; gaps within are log-normal."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chorus_traces.synth.spec import SynthSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Measured P(length >= n) of sessions; between the points the law is a power of the length.
_LENGTHS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 210.0)
_SURVIVAL = (1.0, 0.68, 0.46, 0.26, 0.099, 0.0315, 0.0049, 0.0012, 0.0001)
LONGEST_SESSION = 202

# Share of a day's requests in each local hour of an enterprise service: 74 % in six hours, a
# lunch dip, an evening tail, and almost nothing at night (the shape of GenTD26).
_ENTERPRISE = (
    *(0.0002, 0.0001, 0.0001, 0.0001, 0.0001, 0.0004, 0.004, 0.02, 0.06, 0.12, 0.13, 0.105),
    *(0.025, 0.06, 0.125, 0.14, 0.12, 0.05, 0.018, 0.012, 0.006, 0.002, 0.001, 0.0004),
)
_HOUR_S = 3600.0
#: Sessions that begin this long before the trace are drawn too, so that it starts in full swing.
_LEAD_IN_HOURS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Sessions of a trace, cut to its window. ``lengths`` counts requests before the cut too.

    ``instants`` (seconds, session after session) has ``sum(lengths)`` values, ``kept`` says which
    lie in the trace; exactly ``spec.requests`` of them do. ``burst`` marks flash bursts.
    """

    starts: Floats
    lengths: Ints
    burst: npt.NDArray[np.bool_]
    instants: Floats
    kept: npt.NDArray[np.bool_]


def draw_arrivals(
    spec: SynthSpec,
    *,
    start_rng: np.random.Generator,
    length_rng: np.random.Generator,
    gap_rng: np.random.Generator,
) -> Arrivals:
    """Return the sessions of ``spec``; the three streams keep starts, lengths and gaps apart."""
    span_s = spec.requests / spec.requests_per_hour * _HOUR_S
    edges, mass = _hourly_mass(spec, span_s, start_rng)
    bursts = int(start_rng.poisson(spec.bursts_per_week * span_s / (7 * 24 * _HOUR_S)))
    bursts = min(bursts, spec.requests // (4 * spec.burst_requests))
    starts = start_rng.uniform(0.0, max(span_s - 60.0, 0.0), size=bursts)
    lengths = np.full(bursts, spec.burst_requests, dtype=np.int64)
    gaps = gap_rng.exponential(60.0 / spec.burst_requests, size=int(lengths.sum()))
    inside = _instants(starts, lengths, gaps)
    missing = spec.requests - int((inside < span_s).sum())
    while missing > 0:
        more = max(64, round(missing / 4.0))
        new_lengths = draw_lengths(more, spec.session_scale, length_rng)
        new_starts = _draw_starts(more, edges, mass, start_rng)
        new_gaps = gap_rng.lognormal(
            np.log(spec.gap_median_s), spec.gap_sigma, size=int(new_lengths.sum())
        )
        new_instants = _instants(new_starts, new_lengths, new_gaps)
        starts = np.concatenate([starts, new_starts])
        lengths = np.concatenate([lengths, new_lengths])
        inside = np.concatenate([inside, new_instants])
        missing -= int(((new_instants >= 0.0) & (new_instants < span_s)).sum())
    kept = (inside >= 0.0) & (inside < span_s)
    kept &= np.cumsum(kept) <= spec.requests
    return _only_sessions_with_requests(starts, lengths, inside, kept, bursts)


def draw_lengths(count: int, scale: float, rng: np.random.Generator) -> Ints:
    """Return ``count`` session lengths of the measured law, the part beyond 1 times ``scale``."""
    whole = np.arange(1, LONGEST_SESSION + 1)
    survival = np.exp(np.interp(np.log(whole), np.log(_LENGTHS), np.log(_SURVIVAL)))
    drawn = np.searchsorted(-survival, -(1.0 - rng.random(count)), side="right")
    scaled = 1.0 + (np.maximum(drawn, 1) - 1.0) * scale
    floor = np.floor(scaled)
    return (floor + (rng.random(count) < scaled - floor)).astype(np.int64)


def _hourly_mass(spec: SynthSpec, span_s: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return hour edges from before the trace to its end, and the expected share up to each."""
    hours = np.arange(-_LEAD_IN_HOURS, int(np.ceil(span_s / _HOUR_S)), dtype=np.float64)
    cycle = np.asarray(_ENTERPRISE)
    cycle = spec.daily_cycle * cycle / cycle.sum() + (1.0 - spec.daily_cycle) / 24.0
    clock = hours + spec.start_hour
    weight = cycle[np.floor(clock).astype(np.int64) % 24]
    day = np.floor(np.maximum(hours, 0.0) / 24.0).astype(np.int64)
    if spec.day_variation > 0.0:
        shape = spec.day_variation**-2
        factor = rng.gamma(shape, 1.0 / shape, size=int(day[-1]) + 1)
        weight = weight * factor[day]
    edges = np.append(hours * _HOUR_S, span_s)
    mass = np.concatenate([[0.0], np.cumsum(weight * np.diff(edges))])
    return edges, mass / mass[-1]


def _draw_starts(count: int, edges: Floats, mass: Floats, rng: np.random.Generator) -> Floats:
    """Return session starts of a Poisson process whose rate is constant within an hour."""
    return np.interp(rng.random(count), mass, edges)


def _instants(starts: Floats, lengths: Ints, gaps: Floats) -> Floats:
    """Return the instant of each request; the first gap of a session is not used."""
    if not len(starts):
        return np.zeros(0)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    elapsed = np.cumsum(gaps)
    return np.repeat(starts - elapsed[first], lengths) + elapsed


def _only_sessions_with_requests(
    starts: Floats, lengths: Ints, instants: Floats, kept: npt.NDArray[np.bool_], bursts: int
) -> Arrivals:
    """Drop sessions of which nothing lies in the trace, and put the rest in order of start."""
    session = np.repeat(np.arange(len(starts)), lengths)
    used = np.bincount(session[kept], minlength=len(starts)) > 0
    order = np.flatnonzero(used)
    order = order[np.argsort(starts[order], kind="stable")]
    rank = np.full(len(starts), -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    stay = used[session]
    place = np.argsort(rank[session[stay]], kind="stable")
    return Arrivals(
        starts=starts[order],
        lengths=lengths[order],
        burst=order < bursts,
        instants=instants[stay][place],
        kept=kept[stay][place],
    )
