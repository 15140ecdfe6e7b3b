"""What the cache is asked about (a query) and what it keeps (an entry)."""

import math
from typing import Any

import msgspec


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the cache sees it.

    ``sequence`` numbers the requests of a run in arrival order and becomes the key of the entry
    the request leaves behind. ``namespace`` is what must be equal for reuse to be allowed;
    ``None`` means that some field is unknown, so nothing may be reused or stored. ``identity`` is
    equal for identical requests and ``None`` where an exact copy is not allowed (no seed).
    ``embedding`` has shape ``(width,)`` and length 1; it is ``None`` where the similarity graph
    already knows all neighbours. ``user`` is who asks, where that is known. ``marks`` are the words
    of the prompt that must not differ between a request and its donor. ``step_s`` is the mean time
    of one full denoising step, and every ``srd_full_every``-th step of SRD is computed in full.
    ``overhead_s`` is what any reuse costs the request (lookup, latency of a load), and
    ``load_latent_s`` what each latent read adds.
    """

    sequence: int
    namespace: str | None
    identity: str | None
    steps: int
    latent_bytes: int
    result_bytes: int
    embedding: Any = None
    user: str | None = None
    marks: frozenset[str] = frozenset()
    step_s: float = 1.0
    srd_full_every: int = 4
    overhead_s: float = 0.0
    load_latent_s: float = 0.0


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One cached result: the final latent with its seed, and a window of step latents.

    The final latent serves full reuse at any step (noise of the stored seed is added back to it).
    ``first_step`` .. ``last_step`` (both included) are the steps whose latents are kept as they
    were; SRD needs them, unless the entry is ``renoised``: then it reads what is made from the
    final latent, once the run is finished. ``first_step > last_step`` means that none is kept.
    ``core_bytes`` are those of the entry without them. ``exact`` is true for a result that was
    computed in full; a result made with reuse never serves as a copy. ``donor`` and
    ``donor_similarity`` tell what the result was made from. ``cost_s`` is the GPU time that made
    it. ``marks`` and ``user`` are those of its request. ``finished`` is false while its run is in
    flight: the step latents are there, the final latent is not.
    """

    key: int
    namespace: str
    identity: str | None
    size_bytes: int
    steps: int
    first_step: int
    last_step: int
    exact: bool
    donor: int | None
    donor_similarity: float
    cost_s: float
    marks: frozenset[str] = frozenset()
    core_bytes: int = 0
    finished: bool = True
    renoised: bool = False
    user: str | None = None

    def resumes_at(self, step: int) -> bool:
        """Tell whether full reuse can start at ``step``."""
        return self.finished or self.first_step <= step <= self.last_step

    def holds_steps(self, first: int, last: int) -> bool:
        """Tell whether the latents of all steps ``first`` .. ``last`` are kept."""
        return self.first_step <= first and last <= self.last_step

    def serves_region(self, first: int, last: int) -> bool:
        """Tell whether SRD can read the steps ``first`` .. ``last``, kept or renoised."""
        return (self.renoised and self.finished) or self.holds_steps(first, last)


def trimmed_entry(entry: Entry) -> Entry:
    """Return ``entry`` without its step latents."""
    return msgspec.structs.replace(
        entry, size_bytes=entry.core_bytes, first_step=NO_WINDOW[0], last_step=NO_WINDOW[1]
    )


#: Bytes an entry takes besides latents and the finished video: embedding, index row, text states.
OVERHEAD_BYTES = 512 * 1024


#: First and last step of an entry that keeps no step latents.
NO_WINDOW = (1, 0)


class EntryForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which latents an entry keeps, and what SRD reads.

    ``compact`` keeps the final latent alone: smallest, full reuse only. ``window`` keeps every
    step from the smallest ``k1`` to the largest ``k2`` of the reuse table as well, for SRD to read.
    ``renoised`` keeps what ``compact`` does, and SRD reads latents made from the final one and the
    seed of its noise: no quality was lost where it was measured (reports/decisions/0008).

    With ``trim`` the eviction part may drop a window and keep the rest; it must know how. With
    ``in_flight`` the step latents are shared as soon as the last of them exists, while the run goes
    on: more hits among requests that come close together, for one more call into the cache per
    request. A ``renoised`` entry keeps them until its run is finished, a ``compact`` one has none.
    """

    kind: str = "window"
    trim: bool = False
    in_flight: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("compact", "window", "renoised"):
            raise ValueError(f"kind is {self.kind!r}; 'compact', 'window' or 'renoised' is needed")
        if self.trim and self.kind != "window":
            raise ValueError(f"trim is on, but kind {self.kind!r} keeps no step latents; leave it")

    @property
    def shrinks(self) -> bool:
        """Whether step latents leave before the rest of an entry."""
        return self.trim or self.kind == "renoised"

    def window(self, span: tuple[int, int], computed_from: int) -> tuple[int, int]:
        """Return the first and last step kept of a finished run.

        ``span`` is the range of steps that the reuse part can ask for, ``computed_from`` the first
        step the run computed.
        """
        return self._from(span, computed_from) if self.kind == "window" else NO_WINDOW

    def recorded(self, span: tuple[int, int], computed_from: int) -> tuple[int, int]:
        """Return the first and last step that a run keeps while it goes on."""
        shares = self.kind == "renoised" and self.in_flight
        return self._from(span, computed_from) if shares else self.window(span, computed_from)

    @staticmethod
    def _from(span: tuple[int, int], computed_from: int) -> tuple[int, int]:
        first, last = span
        return (max(first, computed_from), last)

    def size_bytes(self, window: tuple[int, int], query: Query) -> int:
        """Return the bytes of an entry: final latent, window, finished video, overhead."""
        latents = 1 + max(0, window[1] - window[0] + 1)
        return latents * query.latent_bytes + query.result_bytes + OVERHEAD_BYTES


def parse_bytes(text: str) -> int:
    """Return the bytes in ``text`` such as "64GiB", "500 MB" or "1.5TiB".

    Raises ``ValueError`` on anything else, on negative, infinite and zero amounts.
    """
    compact = text.strip().replace(" ", "").replace("_", "")
    units = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
    units |= {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1}
    for unit, factor in units.items():
        if compact.endswith(unit):
            try:
                amount = float(compact.removesuffix(unit)) * factor
            except ValueError:
                break
            if not math.isfinite(amount) or amount <= 0:
                break
            return round(amount)
    raise ValueError(f"{text!r} is not a size; write it like 64GiB, 500MB or 1.5TiB")
