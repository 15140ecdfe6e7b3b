"""What results leave behind: the form of each shape of request and plan, worked out once."""

import msgspec

from chorus_policies.entry import NO_WINDOW, Entry, EntryForm, Query
from chorus_policies.parts import Reuse
from chorus_policies.plan import Fresh, Plan, Regional, Resume


class Form(msgspec.Struct, frozen=True, gc=False):
    """The step latents a result keeps, and those of its run in flight; the bytes of each.

    ``core_bytes`` are those of an entry without step latents.
    """

    first_step: int
    last_step: int
    size_bytes: int
    first_in_flight: int
    last_in_flight: int
    bytes_in_flight: int
    core_bytes: int

    @property
    def latents(self) -> int:
        """How many latents a finished run leaves: the final one and those of its steps."""
        return 1 + max(0, self.last_step - self.first_step + 1)


class Forms:
    """Makes entries in a policy's entry form."""

    def __init__(self, form: EntryForm, reuse: Reuse) -> None:
        self._form = form
        self._reuse = reuse
        self._known: dict[tuple[int, int, int, int], Form] = {}
        #: What was asked last; a driver asks a few times about one run.
        self._last: tuple[Query | None, Plan | None, Form] = (None, None, Form(0, 0, 0, 0, 0, 0, 0))

    def of(self, query: Query, plan: Plan) -> Form:
        """Return the form of what ``plan`` makes for ``query``."""
        last_query, last_plan, form = self._last
        if query is last_query and plan is last_plan:
            return form
        computed_from = plan.k1 if type(plan) is Resume or type(plan) is Regional else 0
        key = (query.steps, query.latent_bytes, query.result_bytes, computed_from)
        known = self._known.get(key)
        if known is None:
            rule, span = self._form, self._reuse.span(query.steps)
            kept, flying = rule.window(span, computed_from), rule.recorded(span, computed_from)
            whole, flown, core = (
                rule.size_bytes(steps, query) for steps in (kept, flying, NO_WINDOW)
            )
            known = self._known[key] = Form(*kept, whole, *flying, flown, core)
        self._last = (query, plan, known)
        return known

    def entry(
        self, query: Query, namespace: str, plan: Plan, cost_s: float, *, finished: bool
    ) -> Entry:
        """Return what ``plan`` made, or is making, for ``query`` in ``cost_s`` GPU-seconds."""
        form = self.of(query, plan)
        fresh = type(plan) is Fresh
        donor, similarity = (None, 0.0) if type(plan) is Fresh else (plan.donor, plan.similarity)
        return Entry(
            key=query.sequence,
            namespace=namespace,
            identity=query.identity if fresh else None,
            size_bytes=form.size_bytes if finished else form.bytes_in_flight,
            core_bytes=form.core_bytes,
            steps=query.steps,
            first_step=form.first_step if finished else form.first_in_flight,
            last_step=form.last_step if finished else form.last_in_flight,
            exact=fresh,
            donor=donor,
            donor_similarity=similarity,
            cost_s=cost_s,
            marks=query.marks,
            finished=finished,
            renoised=self._form.kind == "renoised",
            user=query.user,
        )
