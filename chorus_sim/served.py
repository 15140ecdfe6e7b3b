"""What happened to each request: one record per request, kept as columns."""

import numpy as np
import pyarrow as pa

from chorus_policies.plan import Fresh, Plan, kind_of
from chorus_sim.workload import Workload


class Served:
    """Columns over the requests of a run; times are in seconds since the run began."""

    def __init__(self, requests: int) -> None:
        self.arrival = [0.0] * requests
        self.start = [0.0] * requests
        self.finish = [0.0] * requests
        self.held = [0.0] * requests
        self.worker = [-1] * requests
        self.plan: list[Plan] = [Fresh(reason="not served")] * requests
        self.load_s = [0.0] * requests
        self.denoise_s = [0.0] * requests
        self.store_s = [0.0] * requests
        self.load_bytes = [0] * requests
        self.store_bytes = [0] * requests

    def set(
        self,
        place: int,
        *,
        start: float,
        finish: float,
        held: float,
        worker: int,
        plan: Plan,
        load_s: float,
        denoise_s: float,
        store_s: float,
        load_bytes: int,
        store_bytes: int,
    ) -> None:
        """Record request ``place``; ``held`` is how long it occupied ``worker`` (-1: none)."""
        self.start[place] = start
        self.finish[place] = finish
        self.held[place] = held
        self.worker[place] = worker
        self.plan[place] = plan
        self.load_s[place] = load_s
        self.denoise_s[place] = denoise_s
        self.store_s[place] = store_s
        self.load_bytes[place] = load_bytes
        self.store_bytes[place] = store_bytes

    def kinds(self) -> list[str]:
        """Return the plan's kind of each request."""
        return [kind_of(plan) for plan in self.plan]

    def to_table(self, ids: list[str], workload: Workload, *, cached: bool) -> pa.Table:
        """Return the records: one row per request, the schema simulator and runtime share."""
        plans, kinds = self.plan, self.kinds()
        copied = np.array([kind == "copy" for kind in kinds])
        computed = np.where(copied, 0.0, 1.0)
        looked_up = 1.0 if cached else 0.0
        return pa.table(
            {
                "id": ids,
                "arrival_s": self.arrival,
                "start_s": self.start,
                "finish_s": self.finish,
                "held_s": self.held,
                "worker": pa.array(self.worker, pa.int32()),
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
                "load_s": self.load_s,
                "denoise_s": self.denoise_s,
                "vae_decode_s": workload.vae_decode * computed,
                "video_encode_s": workload.video_encode * computed,
                "store_s": self.store_s,
                "load_bytes": pa.array(self.load_bytes, pa.int64()),
                "store_bytes": pa.array(self.store_bytes, pa.int64()),
            }
        )


def _donor(plan: Plan) -> int | None:
    return None if isinstance(plan, Fresh) else plan.donor
