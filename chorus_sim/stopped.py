"""A run that its policy brought to a stop: the error, and the folder of what was measured."""

from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from chorus_policies.journal import JournalRow
from chorus_policies.live.journal_file import journal_table
from chorus_policies.live.record import Record, records_table
from chorus_policies.plan import Copy, Fresh, Regional, kind_of, reused_steps
from chorus_sim.served import Service
from chorus_sim.workload import Workload
from chorus_traces.errors import PolicyError

SCHEMA = "chorus.stopped/1"


class StoppedError(PolicyError):
    """A policy broke its contract.

    ``services`` are the requests served before, ``rows`` the journal until then, ``workload`` what
    they belong to.
    """

    def __init__(self, message: str, services: list[Service], workload: Workload) -> None:
        super().__init__(message)
        self.services = services
        self.workload = workload
        self.rows: list[JournalRow] = []


def write_stopped(error: StoppedError, ids: list[str], scenario_toml: str, folder: Path) -> None:
    """Write what was measured before the stop into the existing ``folder``.

    ``requests.parquet`` has the requests whose service had begun, ``journal.parquet`` every call.
    """
    services = sorted(error.services, key=lambda service: service.place)
    records = [_record(service, ids[service.place], error.workload) for service in services]
    stop = {"schema": SCHEMA, "error": str(error), "served": len(records), "requests": len(ids)}
    content = msgspec.json.format(msgspec.json.encode(stop), indent=2) + b"\n"
    (folder / "stopped.json").write_bytes(content)
    (folder / "scenario.toml").write_text(scenario_toml, encoding="utf-8")
    pq.write_table(records_table(records), folder / "requests.parquet", compression="zstd")
    pq.write_table(journal_table(error.rows), folder / "journal.parquet", compression="zstd")


def _record(service: Service, name: str, workload: Workload) -> Record:
    plan, place, price = service.plan, service.place, service.price
    computed = 0.0 if isinstance(plan, Copy) else 1.0
    fresh = isinstance(plan, Fresh)
    steps = None if isinstance(plan, Fresh | Copy) else reused_steps(plan)
    return Record(
        id=name,
        arrival_s=float(workload.arrivals[place]),
        start_s=service.start,
        finish_s=service.finish,
        held_s=service.held,
        worker=service.worker,
        kind=kind_of(plan),
        reason=plan.reason,
        donor=None if isinstance(plan, Fresh) else plan.donor,
        similarity=None if isinstance(plan, Fresh) else plan.similarity,
        k1=None if fresh or steps is None else steps[0],
        k2=steps[1] if isinstance(plan, Regional) and steps is not None else None,
        active_share=plan.active_share if isinstance(plan, Regional) else None,
        steps=workload.queries[place].steps,
        text_encode_s=float(workload.text_encode[place]) * computed,
        embed_s=float(workload.embed[place]),
        lookup_s=float(workload.lookup[place]),
        load_s=service.load_s,
        denoise_s=service.denoise_s,
        vae_decode_s=float(workload.vae_decode[place]) * computed,
        video_encode_s=float(workload.video_encode[place]) * computed,
        store_s=price.store_s,
        load_bytes=price.load_bytes,
        store_bytes=price.store_bytes,
    )
