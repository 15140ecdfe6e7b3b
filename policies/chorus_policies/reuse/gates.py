"""Two gates beside the similarity: one over words that differ, one over what reuse costs.

The lexical gate looks at the marks of request and donor (negation, counts, colours, directions,
roles), which sentence vectors blur; the break-even gate compares the seconds a plan saves with
those it adds. Paper: none; both answer defects seen in deployed caches. State: none. Cost per call:
O(marks) and O(1). Left out: pictures as requests; the spread of the times: the mean counts.
"""

from chorus_policies.costs.work import saved_steps, work_of
from chorus_policies.entry import Entry, Query
from chorus_policies.marks import marks_differ
from chorus_policies.plan import Plan

#: ``off`` ignores marks, ``early`` uses such donors up to the lowest band's k1, ``reject`` never.
LEXICAL = ("off", "early", "reject")


def check_lexical(lexical: str) -> None:
    """Raise ``ValueError`` for a mode that does not exist."""
    if lexical not in LEXICAL:
        raise ValueError(f"lexical is {lexical!r}; 'off', 'early' or 'reject' is needed")


def words_differ(query: Query, entry: Entry) -> bool:
    """Tell whether the words of request and donor differ in a way that is known to matter."""
    return marks_differ(query.marks, entry.marks)


def pays(plan: Plan, query: Query) -> bool:
    """Tell whether the steps that ``plan`` saves take longer than what it looks up and loads."""
    saved_s = saved_steps(plan, query.steps, query.srd_full_every) * query.step_s
    loads = work_of(plan, query.steps, query.srd_full_every).latents_read
    return saved_s > query.overhead_s + loads * query.load_latent_s
