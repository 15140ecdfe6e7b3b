"""Describe: what a trace looks like in time, by user and in its text; similarity where known."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_traces.repetition import Repetition, measure_repetition
from chorus_traces.request import Request
from chorus_traces.trace import Trace

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Requests of one user further apart belong to different sessions: log-normal gaps of a session
#: (median 75 s, sigma 1.01, GenTD26) exceed it once in a thousand.
SESSION_IDLE_S = 1_800.0
#: Session lengths whose survival is reported, and windows of the index of dispersion.
LENGTHS = (2, 3, 5, 10, 20, 50)
WINDOWS_S = (60, 600, 3_600)

_HOUR_S = 3_600.0
#: Hours with fewer requests say nothing about their inter-arrival times.
_ENOUGH = 30


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Users and their sessions (``SESSION_IDLE_S`` apart); a request without user is left out.

    ``survival`` maps a length n to P(length >= n); ``top_1`` and ``top_10`` are the shares of
    requests that the most active 1 % and 10 % of users send (at least one user).
    """

    users: int
    sessions: int
    mean_length: float
    survival: dict[int, float]
    gap_median_s: float | None
    top_1: float
    top_10: float


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """Laws of one trace; ``None`` means the trace does not hold what the figure needs.

    ``inter_arrival_cv`` is the standard deviation of inter-arrival times over their mean, over the
    trace and as the mean of hours weighted by their requests. ``dispersion`` maps a window in
    seconds to variance over mean of its counts (1 for a Poisson process), whole windows only.
    ``words`` are the 10, 50, 90 and 99 % quantiles. ``repeats`` is the share of requests whose very
    prompt came before. Shares of tenants and sizes are over all requests.
    """

    name: str
    requests: int
    span_s: float
    requests_per_hour: float | None
    busiest_hour: int
    busiest_hour_requests: int
    inter_arrival_cv: float | None
    inter_arrival_cv_within_hour: float | None
    dispersion: dict[int, float]
    by_user: Sessions | None
    words: tuple[float, float, float, float]
    repeats: float
    seeds: float
    conditioning: float
    negative_prompts: float
    tenants: dict[str, float]
    sizes: dict[str, float]
    repetition: Repetition | None


def describe(trace: Trace) -> Description:
    """Return the laws of ``trace``; similarity takes embeddings and about 4 s for 20,000 requests.

    Threads, runs of versions of one idea, are taken from ``extra["thread"]`` where every request
    has it, otherwise a session is one thread.
    """
    requests = trace.requests
    count = len(requests)
    instants = np.array([request.arrival_s for request in requests])
    span = float(instants[-1] - instants[0])
    hours = np.bincount((instants // _HOUR_S).astype(np.int64))
    sessions = _session_numbers(requests, instants)
    repetition = None
    if trace.embeddings is not None:
        repetition = measure_repetition(
            trace.embeddings,
            embedder=trace.embedder,
            sessions=sessions,
            threads=_thread_numbers(requests, sessions),
        )
    return Description(
        name=trace.name,
        requests=count,
        span_s=span,
        requests_per_hour=(count - 1) / span * _HOUR_S if span > 0 else None,
        busiest_hour=int(hours.argmax()),
        busiest_hour_requests=int(hours.max()),
        inter_arrival_cv=_variation(np.diff(instants)),
        inter_arrival_cv_within_hour=_variation_within_hours(instants),
        dispersion=_dispersion(instants),
        by_user=None if sessions is None else _by_user(requests, instants, sessions),
        words=_words(requests),
        repeats=1.0 - len({request.prompt for request in requests}) / count,
        seeds=_share([request.seed is not None for request in requests]),
        conditioning=_share([request.conditioning is not None for request in requests]),
        negative_prompts=_share([bool(request.negative_prompt) for request in requests]),
        tenants=_shares([request.tenant for request in requests]),
        sizes=_shares([_size(request) for request in requests]),
        repetition=repetition,
    )


def _variation(gaps: Floats) -> float | None:
    if len(gaps) < 2 or gaps.mean() <= 0:
        return None
    return float(gaps.std() / gaps.mean())


def _variation_within_hours(instants: Floats) -> float | None:
    hour = (instants // _HOUR_S).astype(np.int64)
    edges = np.flatnonzero(np.diff(hour)) + 1
    parts = [part for part in np.split(instants, edges) if len(part) >= _ENOUGH]
    values = [(_variation(np.diff(part)), len(part)) for part in parts]
    known = [(value, size) for value, size in values if value is not None]
    if not known:
        return None
    return sum(value * size for value, size in known) / sum(size for _, size in known)


def _dispersion(instants: Floats) -> dict[int, float]:
    """Return variance over mean of the counts per window, from the first arrival on."""
    since = instants - instants[0]
    found: dict[int, float] = {}
    for window in WINDOWS_S:
        whole = int(since[-1] // window)
        if whole < 2:
            continue
        counts = np.bincount((since // window).astype(np.int64), minlength=whole)[:whole]
        if counts.any():
            found[window] = float(counts.var() / counts.mean())
    return found


def _session_numbers(requests: Sequence[Request], instants: Floats) -> Ints | None:
    """Return the session of each request, -1 without a user; ``None`` if nobody is named."""
    numbers = np.full(len(requests), -1, np.int64)
    last: dict[str, int] = {}
    sessions = 0
    for row, request in enumerate(requests):
        if request.user is None:
            continue
        before = last.get(request.user)
        if before is not None and instants[row] - instants[before] <= SESSION_IDLE_S:
            numbers[row] = numbers[before]
        else:
            numbers[row] = sessions
            sessions += 1
        last[request.user] = row
    return numbers if sessions else None


def _thread_numbers(requests: Sequence[Request], sessions: Ints | None) -> Ints | None:
    """Return the thread of each request; one without a session is a thread of its own."""
    if all("thread" in request.extra for request in requests):
        known: dict[str, int] = {}
        return np.array(
            [known.setdefault(str(request.extra["thread"]), len(known)) for request in requests]
        )
    if sessions is None:
        return None
    alone = sessions.max() + 1 + np.arange(len(sessions))
    return np.where(sessions < 0, alone, sessions)


def _by_user(requests: Sequence[Request], instants: Floats, sessions: Ints) -> Sessions:
    named = np.flatnonzero(sessions >= 0)
    lengths = np.bincount(sessions[named])
    order = named[np.argsort(sessions[named], kind="stable")]
    gaps = np.diff(instants[order])[np.diff(sessions[order]) == 0]
    sent = np.sort(list(Counter(r.user for r in requests if r.user is not None).values()))[::-1]
    return Sessions(
        users=len(sent),
        sessions=len(lengths),
        mean_length=float(lengths.mean()),
        survival={length: float((lengths >= length).mean()) for length in LENGTHS},
        gap_median_s=float(np.median(gaps)) if len(gaps) else None,
        top_1=float(sent[: max(1, len(sent) // 100)].sum() / sent.sum()),
        top_10=float(sent[: max(1, len(sent) // 10)].sum() / sent.sum()),
    )


def _words(requests: Sequence[Request]) -> tuple[float, float, float, float]:
    lengths = [len(request.prompt.split()) for request in requests]
    low, middle, high, extreme = (float(q) for q in np.quantile(lengths, (0.1, 0.5, 0.9, 0.99)))
    return low, middle, high, extreme


def _size(request: Request) -> str | None:
    if request.width is None or request.height is None or request.frames is None:
        return None
    return f"{request.width}x{request.height}x{request.frames}"


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def _shares(values: Sequence[str | None]) -> dict[str, float]:
    """Return the share of each stated value, the most frequent first."""
    stated = Counter(value for value in values if value is not None)
    return {value: count / len(values) for value, count in stated.most_common()}
