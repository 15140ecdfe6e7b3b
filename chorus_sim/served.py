"""What happened to each request: one record per request, kept as columns."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chorus_policies.live.record import RECORD_SCHEMA
from chorus_policies.plan import PLAN_KINDS, Fresh, Plan, kind_of
from chorus_sim.price import Price
from chorus_sim.workload import Workload
from chorus_traces.errors import EngineError


class Service(msgspec.Struct, frozen=True, gc=False):
    """How one request was served; ``held`` is how long it occupied ``worker`` (-1: none)."""

    place: int
    start: float
    finish: float
    held: float
    worker: int
    plan: Plan
    load_s: float
    denoise_s: float
    price: Price


class Served:
    """Columns over the requests of a run, in arrival order; times in seconds of the run.

    ``services`` may come in any order. Raises ``EngineError`` unless each request has exactly one.
    """

    def __init__(self, arrival: list[float], services: list[Service]) -> None:
        services = sorted(services, key=lambda service: service.place)
        if [service.place for service in services] != list(range(len(arrival))):
            raise EngineError(
                f"{len(services)} services for {len(arrival)} requests; each must be served once"
            )
        self.arrival = arrival
        self.start = [service.start for service in services]
        self.finish = [service.finish for service in services]
        self.held = [service.held for service in services]
        self.worker = [service.worker for service in services]
        self.plan = [service.plan for service in services]
        self.load_s = [service.load_s for service in services]
        self.denoise_s = [service.denoise_s for service in services]
        self.store_s = [service.price.store_s for service in services]
        self.load_bytes = [service.price.load_bytes for service in services]
        self.store_bytes = [service.price.store_bytes for service in services]

    def kinds(self) -> list[str]:
        """Return the plan's kind of each request."""
        return [kind_of(plan) for plan in self.plan]

    def kind_codes(self) -> npt.NDArray[np.int64]:
        """Return the place in ``PLAN_KINDS`` of each request's kind."""
        return np.array([PLAN_KINDS.index(kind) for kind in self.kinds()], dtype=np.int64)

    def miss_reasons(self, cut: int) -> dict[str, int]:
        """Return how many requests from ``cut`` on were computed in full, by reason."""
        reasons: dict[str, int] = {}
        for plan in self.plan[cut:]:
            if isinstance(plan, Fresh):
                reasons[plan.reason] = reasons.get(plan.reason, 0) + 1
        return reasons

    def to_table(self, ids: list[str], workload: Workload, *, cached: bool) -> pa.Table:
        """Return the records: one row per request, the schema simulator and runtime share."""
        return records_table(self, ids, workload, cached=cached)


def records_table(served: Any, ids: list[str], workload: Workload, *, cached: bool) -> pa.Table:
    """Return the records: one row per request, the schema simulator and runtime share."""
    plans, kinds = served.plan, served.kinds()
    copied = np.array([kind == "copy" for kind in kinds])
    computed = np.where(copied, 0.0, 1.0)
    looked_up = 1.0 if cached else 0.0
    return pa.table(
        {
            "id": ids,
            "arrival_s": served.arrival,
            "start_s": served.start,
            "finish_s": served.finish,
            "held_s": served.held,
            "worker": pa.array(served.worker, pa.int32()),
            "kind": pa.array(kinds).dictionary_encode(),
            "reason": pa.array([plan.reason for plan in plans]).dictionary_encode(),
            "donor": pa.array([_donor(plan) for plan in plans], pa.int64()),
            "similarity": [getattr(plan, "similarity", None) for plan in plans],
            "k1": pa.array([getattr(plan, "k1", None) for plan in plans], pa.int32()),
            "k2": pa.array([getattr(plan, "k2", None) for plan in plans], pa.int32()),
            "active_share": [getattr(plan, "active_share", None) for plan in plans],
            "steps": pa.array([query.steps for query in workload.queries], pa.int32()),
            "text_encode_s": workload.text_encode * computed,
            "embed_s": workload.embed * looked_up,
            "lookup_s": workload.lookup * looked_up,
            "load_s": served.load_s,
            "denoise_s": served.denoise_s,
            "vae_decode_s": workload.vae_decode * computed,
            "video_encode_s": workload.video_encode * computed,
            "store_s": served.store_s,
            "load_bytes": pa.array(served.load_bytes, pa.int64()),
            "store_bytes": pa.array(served.store_bytes, pa.int64()),
        },
        schema=RECORD_SCHEMA,
    )


def _donor(plan: Plan) -> int | None:
    return None if isinstance(plan, Fresh) else plan.donor
