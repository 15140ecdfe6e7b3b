"""Options: every plan a reuse rule can make, priced by the code the SimPy model uses.

Requests alike in everything but prompt and instant form a class. For each class the plans are
listed once, as values, and what they cost and leave behind is asked of ``PriceList`` and
``EntryForm``. So the compiled loop holds no formula of its own; it picks a number of this list.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.cache import Cache
from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import NO_WINDOW, EntryForm
from chorus_policies.parts import Reuse
from chorus_policies.plan import Copy, Fresh, Plan, kind_of, reused_steps
from chorus_policies.reuse.gates import pays
from chorus_sim.price import PriceList
from chorus_sim.workload import Workload

#: Places in every list: what all rules share comes first.
UNKNOWN_NAMESPACE, NO_CACHE, COPY, FIRST_OF_RULE = 0, 1, 2, 3

#: Codes of the kinds.
FRESH, COPIED, RESUMED, REGIONAL = 0, 1, 2, 3

KIND_CODES = {"fresh": FRESH, "copy": COPIED, "resume": RESUMED, "regional": REGIONAL}

_SHARED: tuple[Plan, ...] = (
    Fresh(reason="namespace unknown"),
    Fresh(reason="no cache"),
    Copy(donor=-1),
)


class Options(NamedTuple):
    """Columns of shape ``(classes, options)``; seconds, bytes and denoising steps.

    ``first_step`` to ``core_bytes`` describe the entry that the result leaves, ``first_in_flight``
    to ``bytes_in_flight`` that of its run in flight; ``renoised`` says that SRD reads finished
    entries without step latents. ``saved_s`` is what the plan saves, ``k1_saved_s`` what full reuse
    up to its ``k1`` alone does, and ``pays`` whether the plan saves more than it costs. A run that
    ``publishes`` shares its step latents in flight, ``later_steps_s`` of denoising before its end.
    Padding is never read.
    """

    kind: npt.NDArray[np.int8]
    k1: npt.NDArray[np.int32]
    k2: npt.NDArray[np.int32]
    denoise_s: npt.NDArray[np.float64]
    srd_share: npt.NDArray[np.float64]
    load_s: npt.NDArray[np.float64]
    store_s: npt.NDArray[np.float64]
    load_bytes: npt.NDArray[np.int64]
    store_bytes: npt.NDArray[np.int64]
    saved_s: npt.NDArray[np.float64]
    k1_saved_s: npt.NDArray[np.float64]
    pays: npt.NDArray[np.bool_]
    first_step: npt.NDArray[np.int32]
    last_step: npt.NDArray[np.int32]
    size_bytes: npt.NDArray[np.int64]
    core_bytes: npt.NDArray[np.int64]
    first_in_flight: npt.NDArray[np.int32]
    last_in_flight: npt.NDArray[np.int32]
    bytes_in_flight: npt.NDArray[np.int64]
    publishes: npt.NDArray[np.bool_]
    later_steps_s: npt.NDArray[np.float64]
    renoised: bool


_TYPES: dict[str, Any] = {
    "kind": np.int8,
    "k1": np.int32,
    "k2": np.int32,
    "denoise_s": np.float64,
    "srd_share": np.float64,
    "load_s": np.float64,
    "store_s": np.float64,
    "load_bytes": np.int64,
    "store_bytes": np.int64,
    "saved_s": np.float64,
    "k1_saved_s": np.float64,
    "pays": np.bool_,
    "first_step": np.int32,
    "last_step": np.int32,
    "size_bytes": np.int64,
    "core_bytes": np.int64,
    "first_in_flight": np.int32,
    "last_in_flight": np.int32,
    "bytes_in_flight": np.int64,
    "publishes": np.bool_,
    "later_steps_s": np.float64,
}


def with_shared(plans: list[Plan]) -> list[Plan]:
    """Return a class's plans with those that all rules share in front."""
    return [*_SHARED, *plans]


def price_options(
    workload: Workload,
    places: list[int],
    plans: list[list[Plan]],
    cache: Cache | None,
    form: EntryForm,
    reuse: Reuse,
) -> Options:
    """Return what each of ``plans`` costs and leaves; ``places`` names a request of each class.

    Without ``cache`` nothing is loaded or stored.
    """
    shape = (len(places), max(map(len, plans)))
    columns = {name: np.zeros(shape, dtype) for name, dtype in _TYPES.items()}
    prices = PriceList(workload, cache)
    for row, (place, listed) in enumerate(zip(places, plans, strict=True)):
        query = workload.queries[place]
        span = reuse.span(query.steps)
        for number, plan in enumerate(listed):
            price = prices.of(plan, place)
            k1, k2 = reused_steps(plan)
            load_s = 0.0
            if cache is not None and not isinstance(plan, Fresh):
                load_s = price.load_s_by_tier[cache.first_tier]
            window, flying = form.window(span, k1), form.recorded(span, k1)
            step = None if cache is None else cache.publish_step(query, plan)
            later_steps = 0 if step is None else query.steps - step
            values = {
                "kind": KIND_CODES[kind_of(plan)],
                "k1": k1,
                "k2": k2,
                "denoise_s": price.denoise_s,
                "srd_share": price.srd_share,
                "load_s": load_s,
                "store_s": price.store_s,
                "load_bytes": price.load_bytes,
                "store_bytes": price.store_bytes,
                "saved_s": saved_steps(plan, query.steps, query.srd_full_every) * query.step_s,
                "k1_saved_s": k1 * query.step_s,
                "pays": pays(plan, query),
                "first_step": window[0],
                "last_step": window[1],
                "size_bytes": form.size_bytes(window, query),
                "core_bytes": form.size_bytes(NO_WINDOW, query),
                "first_in_flight": flying[0],
                "last_in_flight": flying[1],
                "bytes_in_flight": form.size_bytes(flying, query),
                "publishes": step is not None,
                "later_steps_s": price.full_step_s * later_steps,
            }
            for name, value in values.items():
                columns[name][row, number] = value
    return Options(**columns, renoised=form.kind == "renoised")
