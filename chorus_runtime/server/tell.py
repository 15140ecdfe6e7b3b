"""A finished run in the two forms it is told: to its client, and to the log."""

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.live.record import Record
from chorus_policies.plan import Copy, Fresh, Regional, Resume
from chorus_runtime.provenance import Provenance
from chorus_runtime.server.job import Job, Made

#: What ``seconds_saved`` is.
ESTIMATED = "estimated: steps saved x measured step"


def made_of(job: Job, told: Provenance, step_s: float | None, worker: int) -> Made:
    """Return how the video of a job that has started and finished was made.

    ``step_s`` is the measured time of a full step, ``None`` where none was measured yet.
    """
    steps, full_every, arrival = 0, 1, job.request.arrival_s
    if job.asked is not None:
        steps, full_every = job.asked.shape.steps, job.asked.query.srd_full_every
    plan = told.plan
    share = told.active_share
    if isinstance(plan, Regional) and share:
        plan = msgspec.structs.replace(plan, active_share=share)
    saved = saved_steps(plan, steps, full_every)
    return Made(
        kind=told.kind,
        reason=told.reason,
        donor=told.donor,
        similarity=None if isinstance(plan, Fresh) else told.similarity,
        k1=told.k1,
        k2=told.k2,
        active_share=share,
        seconds_saved=0.0 if saved == 0 else (None if step_s is None else saved * step_s),
        seconds_saved_source=ESTIMATED,
        seed=told.seed,
        steps=steps,
        policy=told.policy,
        fingerprint=told.fingerprint,
        fallback=told.fallback,
        stored=told.stored,
        worker=worker,
        waiting_s=job.start_s - arrival,
        service_s=job.finish_s - job.start_s,
        response_s=job.finish_s - arrival,
        stages=dict(told.seconds),
        notes=told.notes,
    )


def record_of(job: Job, told: Provenance, steps: int, worker: int, held_s: float) -> Record:
    """Return the record of a job: the plan carried out, and what it took."""
    plan, seconds = told.plan, told.seconds
    reused = not isinstance(plan, Fresh)
    resumed = isinstance(plan, Resume | Regional)
    return Record(
        id=job.log_name,
        arrival_s=job.request.arrival_s,
        start_s=job.start_s,
        finish_s=job.finish_s,
        held_s=held_s,
        worker=worker,
        kind=told.kind,
        reason=told.reason,
        donor=told.donor,
        similarity=told.similarity if reused else None,
        k1=plan.k1 if isinstance(plan, Resume | Regional) else None,
        k2=plan.k2 if isinstance(plan, Regional) else None,
        active_share=told.active_share if resumed and isinstance(plan, Regional) else None,
        steps=steps,
        text_encode_s=seconds.get("text_encode", 0.0),
        embed_s=seconds.get("embed", 0.0),
        lookup_s=seconds.get("lookup", 0.0),
        load_s=seconds.get("load", 0.0),
        denoise_s=seconds.get("denoise", 0.0),
        vae_decode_s=seconds.get("vae_decode", 0.0),
        video_encode_s=seconds.get("video_encode", 0.0),
        store_s=seconds.get("store", 0.0),
        load_bytes=told.load_bytes,
        store_bytes=0 if isinstance(plan, Copy) else told.store_bytes,
    )
