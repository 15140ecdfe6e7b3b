"""Reuse by bands of similarity: the more similar the donor, the later ``k1`` and ``k2``.

Paper: Chorus, arXiv 2604.04451 (k1 and k2 rise with the match score); Nirvana, NSDI'24 (a table of
skipped steps). State: none. Cost per call: the neighbours read, one in nearly every case. Left out:
Chorus's own table, which is not public. The gates are ours (``gates.py``).
"""

from collections.abc import Iterable

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_policies.reuse.gates import check_lexical, pays, words_differ


class Band(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a donor of at least ``similarity`` is used for; shares are of the denoising steps.

    A higher ``k1`` saves more and lets the donor decide more of the picture. ``k2`` is the end of
    SRD; leaving it out means full reuse only. ``active_share`` is the part of the latent that SRD
    is predicted to compute; a larger one costs more and repairs more. ``amplification`` is TGAA's
    largest factor, with SRD and without, 1 = off: 8 kept most of the new prompt on the shapes model
    (reports/studies/2026-11-22-quality).
    """

    similarity: float
    k1: float
    k2: float | None = None
    active_share: float = 0.25
    amplification: float = 8.0

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise ValueError(f"similarity is {self.similarity}; a number in (0, 1] is needed")
        if not 0 <= self.k1 < 1:
            raise ValueError(f"k1 is {self.k1}; a share in [0, 1) is needed")
        if self.k2 is not None and not self.k1 <= self.k2 <= 1:
            raise ValueError(f"k2 is {self.k2}; a share from k1 to 1 is needed")
        if not 0 < self.active_share <= 1:
            raise ValueError(f"active_share is {self.active_share}; a share in (0, 1] is needed")
        if not 1 <= self.amplification <= 64:
            raise ValueError(f"amplification is {self.amplification}; 1 (off) to 64 is needed")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table, from the most similar band to the least, and the gates.

    ``lexical`` says what becomes of a donor whose words differ in a way that matters: "off" uses it
    like any other and may draw the donor's colour or count, "early" uses it up to the lowest
    band's k1, "reject" loses what it could have saved. ``break_even`` plans nothing that costs
    more seconds than it saves.
    """

    bands: tuple[Band, ...]
    lexical: str = "off"
    break_even: bool = False

    def __post_init__(self) -> None:
        check_lexical(self.lexical)
        if not self.bands:
            raise ValueError("bands is empty; at least one band is needed")
        for upper, lower in zip(self.bands, self.bands[1:], strict=False):
            if lower.similarity >= upper.similarity:
                raise ValueError(
                    f"band {lower.similarity} follows {upper.similarity}; similarities must fall"
                )


class _Row(msgspec.Struct, frozen=True):
    """One band for a given number of steps, with the full steps its two ways of reuse save."""

    similarity: float
    k1: int
    k2: int
    active_share: float
    amplification: float
    reason: str
    saved_by_srd: float
    #: The most that this band or any below it can save.
    bound: float


class Bands:
    """Plans by the donor that saves most; the nearest among those that save as much."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._bands = config.bands
        self._lexical = config.lexical
        self._break_even = config.break_even
        self._floor = config.bands[-1].similarity
        self._tables: dict[tuple[int, int], tuple[tuple[_Row, ...], _Row | None]] = {}
        self._spans: dict[int, tuple[int, int]] = {}

    def floor(self) -> float:
        """Return the similarity of the lowest band."""
        return self._floor

    def span(self, steps: int) -> tuple[int, int]:
        """Return the smallest k1 and the largest k2 of the bands with SRD."""
        span = self._spans.get(steps)
        if span is None:
            regional = [row for row in self._table(steps, 1) if row.k2 > row.k1]
            first = min((row.k1 for row in regional), default=1)
            last = max((row.k2 for row in regional), default=0)
            span = self._spans[steps] = (first, last)
        return span

    def plan(self, query: Query, neighbours: Iterable[tuple[Entry, float]], now: float) -> Plan:
        """Return the plan of the donor that saves most.

        A neighbour further away can save more than the nearest if it holds the step latents SRD
        needs. Reading stops where no further neighbour can save more than the best so far.
        """
        rows = self._tables.get((query.steps, query.srd_full_every))
        table, early = rows or self._rows(query)
        best = 0.0
        chosen: tuple[Entry, float, _Row, bool] | None = None
        refusal = _NO_NEIGHBOUR
        for entry, similarity in neighbours:
            for row in table:
                if similarity >= row.similarity:
                    break
            else:
                refusal = _NO_WHOLE_STEP if refusal is _NO_NEIGHBOUR else refusal
                break
            bound = row.bound
            if self._lexical != "off" and words_differ(query, entry):
                refusal = _WORDS_DIFFER
                if early is None:
                    continue
                row = early
            regional = row.k2 > row.k1 and entry.serves_region(row.k1, row.k2)
            saved = row.saved_by_srd if regional else row.k1
            if saved > best and (regional or entry.resumes_at(row.k1)):
                best, chosen = saved, (entry, similarity, row, regional)
            if best >= bound:
                break
            refusal = _NO_WINDOW
        return refusal if chosen is None else self._checked(chosen, query)

    def _checked(self, chosen: tuple[Entry, float, _Row, bool], query: Query) -> Plan:
        """Return the plan, or full reuse alone, or none: the first that pays."""
        entry, similarity, row, regional = chosen
        renoised = regional and not entry.holds_steps(row.k1, row.k2)
        plan = _plan(entry.key, similarity, row, regional, renoised=renoised)
        if not self._break_even or pays(plan, query):
            return plan
        # SRD loads many latents; full reuse from the same donor loads one.
        plan = _plan(entry.key, similarity, row, False)
        serves = row.k1 and entry.resumes_at(row.k1)
        return plan if serves and pays(plan, query) else _DOES_NOT_PAY

    def _rows(self, query: Query) -> tuple[tuple[_Row, ...], _Row | None]:
        """Work out the query's table, and what a donor whose words differ is used for."""
        key = (query.steps, query.srd_full_every)
        table = self._table(*key)
        early = table[-1] if table and table[-1].k1 and self._lexical == "early" else None
        if early is not None:
            early = msgspec.structs.replace(early, k2=early.k1, reason=_EARLY)
        rows = self._tables[key] = (table, early)
        return rows

    def _table(self, steps: int, srd_full_every: int) -> tuple[_Row, ...]:
        """Return the bands in whole steps, rounded down; bands that save nothing are left out."""
        rows: list[_Row] = []
        bound = 0.0
        for band in reversed(self._bands):
            k1 = int(band.k1 * steps + 1e-9)
            k2 = k1 if band.k2 is None or band.active_share >= 1 else int(band.k2 * steps + 1e-9)
            if k1 == 0 and k2 == 0:
                continue
            region = k2 - k1
            refreshes = -(-region // srd_full_every)
            saved = k1 + (region - refreshes) * (1 - band.active_share)
            bound = max(bound, saved)
            rows.append(
                _Row(
                    similarity=band.similarity,
                    k1=k1,
                    k2=k2,
                    active_share=band.active_share,
                    amplification=band.amplification,
                    reason=f"similarity >= {band.similarity:g}",
                    saved_by_srd=saved,
                    bound=bound,
                )
            )
        return tuple(reversed(rows))


def _plan(
    donor: int, similarity: float, row: _Row, regional: bool, *, renoised: bool = False
) -> Plan:
    if not regional:
        return Resume(
            donor=donor,
            similarity=similarity,
            k1=row.k1,
            amplification=row.amplification,
            reason=row.reason,
        )
    return Regional(
        donor=donor,
        similarity=similarity,
        k1=row.k1,
        k2=row.k2,
        active_share=row.active_share,
        amplification=row.amplification,
        reason=row.reason,
        renoised=renoised,
    )


_EARLY = "words differ: early steps only"
_NO_NEIGHBOUR = Fresh(reason="no neighbour")
_NO_WHOLE_STEP = Fresh(reason="band saves no whole step")
_NO_WINDOW = Fresh(reason="donor lacks the step latents")
_WORDS_DIFFER = Fresh(reason="words differ")
_DOES_NOT_PAY = Fresh(reason="reuse costs more than it saves")
