"""Why requests missed: for each one computed in full, what kept an earlier result from serving it.

A request's earlier neighbours come from the similarity graph, what had become of each by the
instant of the lookup from the journal, and whether it would have served from the policy's own reuse
part, asked about the entry as it was (or would have been) stored. The most similar one that would
have served names the cause:

- capacity: it was stored and had been evicted or trimmed by then;
- admission: it was finished and refused when it was stored;
- in flight: it had arrived, but its result was not finished;
- gate: neighbours there were, but none that the reuse part accepts (words differ, not worth it,
  the band saves no whole step), or it was resident and the error budget refused it;
- form: it would have served with the step latents that the band needs, but never kept them;
- namespace: no neighbour in its own namespace, but one as similar in another;
- compulsory: nothing as similar was ever asked for before.

A reuse part that learns is asked as new, so what it would have refused out of experience counts as
served. Cost: the part of each miss's row that is read, and for the namespaces one product of the
misses without neighbours with all requests before them.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry
from chorus_policies.journal import JournalRow
from chorus_policies.plan import Copy, Fresh, Plan, reused_steps
from chorus_policies.reuse.error_budget import REFUSALS
from chorus_policies.similarity import QUANTA, exact_similarity, floor_quanta
from chorus_sim.experiment import Prepared
from chorus_sim.summary import Run
from chorus_traces.errors import ScenarioError

CAUSES = (
    "compulsory",
    "namespace",
    "gate",
    "form",
    "capacity",
    "admission",
    "in flight",
)
_COMPULSORY, _NAMESPACE, _GATE, _FORM, _CAPACITY, _ADMISSION, _IN_FLIGHT = range(len(CAUSES))

#: What has become of an earlier request's result: the cause it stands for, or one of these.
_RESIDENT, _NOTHING = -1, -2

_NONE = -1
_BLOCK_ROWS = 256


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """The misses of a run in arrival order; arrays have shape ``(misses,)``.

    ``place`` numbers the request, ``cause`` is its place in ``CAUSES``, ``candidate`` the request
    whose result would have served, or would but for its namespace or a gate (-1: none), and
    ``lost_s`` the GPU-seconds of denoising it would have saved.
    """

    place: npt.NDArray[np.int64]
    cause: npt.NDArray[np.int64]
    candidate: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]
    lost_s: npt.NDArray[np.float64]


class _Finding(msgspec.Struct, frozen=True):
    cause: int
    candidate: int = _NONE
    quanta: int = 0
    lost_s: float = 0.0


def why_missed(prepared: Prepared, run: Run, rows: list[JournalRow]) -> Missed:
    """Return the cause of each miss of ``run``, whose journal is ``rows``."""
    inquest = _Inquest(prepared, run)
    for row in rows:
        inquest.follow(row)
    findings = inquest.findings
    _search_namespaces(prepared, inquest.floor, findings)
    order = sorted(findings)
    found = [findings[place] for place in order]
    return Missed(
        place=np.array(order, dtype=np.int64),
        cause=np.array([one.cause for one in found], dtype=np.int64),
        candidate=np.array([one.candidate for one in found], dtype=np.int64),
        similarity=np.array([one.quanta / QUANTA for one in found], dtype=np.float64),
        lost_s=np.array([one.lost_s for one in found], dtype=np.float64),
    )


class _Inquest:
    """Follows the journal row by row; knows what has become of every result so far."""

    def __init__(self, prepared: Prepared, run: Run) -> None:
        self._graph = prepared.graph
        self._queries = prepared.workload.queries
        self._form = prepared.policy.form
        self._reuse = prepared.policy.reuse(prepared.scenario.run.seed)
        self._plans = run.served.plan
        self._held = run.served.held
        self.floor = floor_quanta(self._reuse.floor())
        self._state = [_IN_FLIGHT] * len(self._queries)
        self.findings: dict[int, _Finding] = {}

    def follow(self, row: JournalRow) -> None:
        """Take in one row; a lookup that found nothing is looked into."""
        match row.call, row.answer:
            case "lookup", "fresh":
                self.findings[row.key] = self._finding(row.key)
            case "find_copy", "copy":
                self._state[row.key] = _NOTHING
            case "store", answer:
                self._state[row.key] = self._stored(row.key, answer)
            case "restore", _:
                self._state[row.key] = _RESIDENT
            case (("evict" | "trim" | "remove"), _):
                self._state[row.key] = _CAPACITY
            case "abandon", _:
                self._state[row.key] = _IN_FLIGHT

    def _stored(self, key: int, answer: str) -> int:
        if isinstance(self._plans[key], Copy) or self._queries[key].namespace is None:
            return _NOTHING
        refused = answer in ("refused by admission", "larger than the tier", "all else is pinned")
        return _ADMISSION if refused else _RESIDENT

    def _finding(self, place: int) -> _Finding:
        graph = self._graph
        low, high = int(graph.row_start[place]), int(graph.row_start[place + 1])
        without_form = refused = None
        for edge in range(low, high):
            quanta = int(graph.quanta[edge])
            if quanta < self.floor:
                break
            donor = int(graph.neighbour[edge])
            state = self._state[donor]
            if state == _NOTHING:
                continue  # a copy: the result it was copied from is a neighbour too
            plan = self._plan(place, donor, quanta, whole=False)
            if plan is not None:
                cause = _GATE if state == _RESIDENT else state
                return _Finding(cause, donor, quanta, self._lost_s(place, plan))
            if refused is None:
                refused = _Finding(_GATE, donor, quanta)
            if without_form is None:
                plan = self._plan(place, donor, quanta, whole=True)
                if plan is not None:
                    without_form = _Finding(_FORM, donor, quanta, self._lost_s(place, plan))
        return without_form or refused or _Finding(_COMPULSORY)

    def _plan(self, place: int, donor: int, quanta: int, *, whole: bool) -> Plan | None:
        """Return how the donor's result would have served; ``None`` where it would not.

        ``whole`` asks about it as if it had every step latent.
        """
        query = self._queries[place]
        entry = self._entry(donor, whole=whole)
        if entry.identity is not None and entry.identity == query.identity:
            return Copy(donor=donor)
        plan = self._reuse.plan(query, [(entry, quanta / QUANTA)], 0.0)
        if not isinstance(plan, Fresh) or plan.reason in REFUSALS:
            return plan
        return None

    def _entry(self, key: int, *, whole: bool) -> Entry:
        """Return the entry that the request's result was, or would have been."""
        query, plan = self._queries[key], self._plans[key]
        computed_from = 0 if whole else reused_steps(plan)[0]
        span = self._reuse.span(query.steps)
        window = span if whole else self._form.window(span, computed_from)
        fresh = isinstance(plan, Fresh)
        return Entry(
            key=key,
            namespace=query.namespace or "",
            identity=query.identity if fresh else None,
            size_bytes=self._form.size_bytes(window, query),
            steps=query.steps,
            first_step=window[0],
            last_step=window[1],
            exact=fresh,
            donor=None if isinstance(plan, Fresh) else plan.donor,
            donor_similarity=0.0 if isinstance(plan, Fresh) else plan.similarity,
            cost_s=self._held[key],
            marks=query.marks,
            renoised=self._form.kind == "renoised",
        )

    def _lost_s(self, place: int, plan: Plan) -> float:
        query = self._queries[place]
        return saved_steps(plan, query.steps, query.srd_full_every) * query.step_s


def _search_namespaces(prepared: Prepared, floor: int, findings: dict[int, _Finding]) -> None:
    """Turn compulsory misses into namespace misses where another namespace held a neighbour."""
    spaces = prepared.workload.namespace_of
    vectors = prepared.trace.embeddings
    if vectors is None:
        raise ScenarioError(f"{prepared.trace.name}: no embeddings; embed the trace first")
    if len(np.unique(spaces)) == 1 and spaces[0] >= 0:
        return
    alone = sorted(place for place, one in findings.items() if one.cause == _COMPULSORY)
    for low in range(0, len(alone), _BLOCK_ROWS):
        block = np.array(alone[low : low + _BLOCK_ROWS])
        high = int(block[-1])
        if high == 0:
            continue
        product = vectors[block] @ vectors[:high].T
        other = (spaces[block, None] != spaces[None, :high]) | (spaces[block, None] < 0)
        earlier = np.arange(high)[None, :] < block[:, None]
        product[~(other & earlier)] = -np.inf
        best = product.argmax(axis=1)
        quanta = exact_similarity(vectors[block], vectors[best])
        for row, place in enumerate(block.tolist()):
            if np.isfinite(product[row, best[row]]) and quanta[row] >= floor:
                findings[place] = _Finding(_NAMESPACE, int(best[row]), int(quanta[row]))
