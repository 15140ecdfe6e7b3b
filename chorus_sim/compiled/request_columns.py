"""Request columns: what the compiled loop reads of each request, made once per workload."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.entry import Query
from chorus_sim.workload import Workload

FloatArray = npt.NDArray[np.float64]

#: What tells requests of one class apart; all else of a query belongs to its class.
_OF_THE_REQUEST = {"sequence", "namespace", "identity", "embedding", "user", "marks"}

_OF_THE_CLASS = tuple(name for name in Query.__struct_fields__ if name not in _OF_THE_REQUEST)


class RequestColumns(NamedTuple):
    """Arrays of shape ``(requests,)``, seconds; ``class_of`` numbers classes.

    ``identity_of`` numbers what is equal for identical requests; -1 where no copy is allowed.
    ``owner_of`` numbers the users of each namespace; -1 where none is known.
    """

    arrival: FloatArray
    known: npt.NDArray[np.bool_]
    class_of: npt.NDArray[np.int32]
    identity_of: npt.NDArray[np.int32]
    owner_of: npt.NDArray[np.int32]
    before: FloatArray
    copying: FloatArray
    after: FloatArray
    spread: FloatArray
    region: FloatArray


class QueryClasses(msgspec.Struct, frozen=True):
    """Which class each request is of, how many each has, and the place of one of each."""

    class_of: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]
    places: list[int]


def query_classes(workload: Workload) -> QueryClasses:
    """Return the classes of requests that are alike in all but prompt, namespace and instant."""
    numbers: dict[tuple[object, ...], int] = {}
    places: list[int] = []
    class_of = np.empty(len(workload), np.int32)
    profile_of = workload.profile_of.tolist()
    for place, query in enumerate(workload.queries):
        key = (
            profile_of[place],
            query.namespace is None,
            *(getattr(query, name) for name in _OF_THE_CLASS),
        )
        number = numbers.setdefault(key, len(places))
        if number == len(places):
            places.append(place)
        class_of[place] = number
    return QueryClasses(class_of, np.bincount(class_of, minlength=len(places)), places)


def request_columns(
    workload: Workload, class_of: npt.NDArray[np.int32], *, cached: bool
) -> RequestColumns:
    """Return the columns; sums are formed as ``Model`` forms them."""
    lookup = workload.embed + workload.lookup if cached else np.zeros(len(workload))
    queries = workload.queries
    return RequestColumns(
        arrival=workload.arrivals,
        known=workload.namespace_of >= 0,
        class_of=class_of,
        identity_of=_numbered((query.namespace, query.identity) for query in queries),
        owner_of=_numbered((query.namespace, query.user) for query in queries),
        before=workload.before_s(lookup),
        copying=lookup,
        after=workload.vae_decode + workload.video_encode,
        spread=workload.spread,
        region=workload.region,
    )


def _numbered(pairs: Iterable[tuple[str | None, str | None]]) -> npt.NDArray[np.int32]:
    """Return a number for each pair, equal for equal ones; -1 where half of it is not known."""
    numbers: dict[tuple[str | None, str | None], int] = {}
    return np.array(
        [-1 if None in pair else numbers.setdefault(pair, len(numbers)) for pair in pairs],
        np.int32,
    )
