"""Entries that an earlier process left in the store, entered into the cache of this one."""

from collections.abc import Callable

from chorus_policies.entry import EntryForm
from chorus_policies.plan import reused_steps
from chorus_runtime.guarded_cache import GuardedCache
from chorus_runtime.store.kept import KeptFacts, query_of
from chorus_runtime.store.store import LatentStore


def restore(
    store: LatentStore,
    cache: GuardedCache,
    form: EntryForm,
    span: Callable[[int], tuple[int, int]],
) -> int:
    """Enter what ``store`` found and return the first key that is free.

    The cache takes an entry to have the steps that this policy's ``form`` keeps of the ``span`` its
    reuse part can ask for. An entry that an earlier policy left with others loses them, in cache
    and store, and serves on without. One of a store that does not tell which it has is believed.
    """
    last = -1
    for row in store.found:
        last = row.key
        has_steps = row.has_steps and _is_of_form(row.facts, form, span)
        if row.has_steps and not has_steps:
            store.trim(last)
        query = query_of(last, row.facts, row.embedding)
        cache.restore(query, row.facts, trimmed=not has_steps)
    return last + 1


def _is_of_form(facts: KeptFacts, form: EntryForm, span: Callable[[int], tuple[int, int]]) -> bool:
    """Tell whether the steps that were kept are those that would be kept now."""
    if form.kind != "window":
        return False
    computed_from, _ = reused_steps(facts.plan)
    first, last = form.window(span(facts.steps), computed_from)
    # The latent after the last step is the finished one, which is no step's.
    return facts.step_span in (None, (first, min(last, facts.steps - 1)))
