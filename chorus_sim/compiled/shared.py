"""What runs over one workload share: made when somebody first asks, and kept.

What depends on the trace alone is made once; what depends on the reuse rule, once per rule. A run
of another policy, capacity or fleet finds both made.
"""

from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.cache import Cache
from chorus_policies.entry import EntryForm
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.marks import marks_differ
from chorus_policies.parts import Reuse
from chorus_policies.plan import Plan
from chorus_policies.policy import Policy
from chorus_policies.tier import TierSpec
from chorus_sim.compiled.options import Options, price_options, with_shared
from chorus_sim.compiled.request_columns import (
    QueryClasses,
    RequestColumns,
    query_classes,
    request_columns,
)
from chorus_sim.graph import SimilarityGraph
from chorus_sim.workload import Workload


class Tables(msgspec.Struct, frozen=True):
    """What one reuse rule and entry form make of one workload."""

    rule: Any
    options: Options
    plans: list[list[Plan]]


class Shared:
    """The arrays of one workload, for the compiled engine and for sizing tiers."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._tables: dict[tuple[bytes, str], Tables] = {}
        self._words: tuple[SimilarityGraph, npt.NDArray[np.bool_]] | None = None

    @cached_property
    def classes(self) -> QueryClasses:
        """Classes of requests that are alike in all but prompt, namespace and instant."""
        return query_classes(self.workload)

    @cached_property
    def cached(self) -> RequestColumns:
        """The requests as a run with a cache sees them."""
        return request_columns(self.workload, self.classes.class_of, cached=True)

    @cached_property
    def uncached(self) -> RequestColumns:
        """The requests as a run without a cache sees them."""
        return request_columns(self.workload, self.classes.class_of, cached=False)

    @cached_property
    def mean_uncached_service_s(self) -> float:
        """The mean service time without a cache, seconds."""
        return float(self.workload.uncached_service_s().mean())

    def entry_sizes(self, form: EntryForm, reuse: Reuse) -> tuple[int, int]:
        """Return the bytes of the entries of all requests together, and of the largest."""
        queries = [self.workload.queries[place] for place in self.classes.places]
        sizes = [form.size_bytes(form.window(reuse.span(q.steps), 0), q) for q in queries]
        counts = self.classes.counts.tolist()
        return sum(size * count for size, count in zip(sizes, counts, strict=True)), max(sizes)

    def tables(self, policy: Policy, tier: TierSpec, *, cached: bool) -> Tables:
        """Return the tables of a policy's reuse over entries in one tier."""
        from chorus_sim.compiled import bands, linear

        parts = {name: policy.tables[name] for name in ("reuse", "entry")} | {"cached": cached}
        key = (msgspec.json.encode(parts, order="deterministic"), tier.name)
        made = self._tables.get(key)
        if made is None:
            config = policy.tables["reuse"]
            reuse: Any = policy.reuse(seed=0)
            make: Any = bands.make if config["kind"] == "bands" else linear.make
            places = self.classes.places
            rule, of_rule = make(reuse, config, self.workload, places)
            plans = [with_shared(listed) for listed in of_rule]
            cache = Cache(policy, (tier,), MatrixIndex(), Journal(keep=False)) if cached else None
            options = price_options(self.workload, places, plans, cache, policy.form, reuse)
            made = self._tables[key] = Tables(rule, options, plans)
        return made

    def words_differ(self, graph: SimilarityGraph) -> npt.NDArray[np.bool_]:
        """Return for each edge whether the words of its two requests differ in what matters."""
        if self._words is None or self._words[0] is not graph:
            self._words = (graph, _words_differ(self.workload, graph))
        return self._words[1]


def _words_differ(workload: Workload, graph: SimilarityGraph) -> npt.NDArray[np.bool_]:
    """Compare each pair of different sets of marks once."""
    numbers: dict[frozenset[str], int] = {}
    marks_of = np.array(
        [numbers.setdefault(query.marks, len(numbers)) for query in workload.queries]
    )
    sets = list(numbers)
    ours = np.repeat(marks_of, np.diff(graph.row_start))
    pairs = ours * len(sets) + marks_of[graph.neighbour]
    found, place = np.unique(pairs, return_inverse=True)
    differ = np.array(
        [marks_differ(sets[one // len(sets)], sets[one % len(sets)]) for one in found.tolist()],
        dtype=np.bool_,
    )
    return differ[place]
