"""What a client thinks of a video: the body of ``POST /v1/videos/{id}/feedback``, and its answer.

A policy with an error budget learns from it how much reuse is good enough. A video made without
reuse may be judged as well: who watches it does not know how it was made. It is kept and counted,
and there is nothing to learn from it.
"""

from typing import Any

import msgspec

from chorus_runtime.server.experience import Experience
from chorus_runtime.server.job import Job
from chorus_runtime.server.refusal import Refusal
from chorus_runtime.server.video_request import read_object
from chorus_runtime.server.workers import Bench
from chorus_traces.errors import TraceError

_NO_REUSE = frozenset({"fresh", "copy"})


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a video shows what its prompt asks for, well enough."""

    acceptable: bool


def read_feedback(body: bytes) -> Feedback:
    """Return what a JSON body says. Raises ``Refusal`` naming what is wrong."""
    return read_object(body, Feedback)


def judge(
    job: Job, feedback: Feedback, bench: Bench, experience: Experience | None, *, retry_s: float
) -> dict[str, Any]:
    """Keep a client's judgement of its video and tell the policy; return the answer.

    For one thread at a time. Raises ``Refusal`` (409) for a video that is not finished or was
    judged before, and 503 where it cannot be kept.
    """
    facts, name = job.facts, job.facts.id
    if not job.is_over:
        reason = f"video {name!r} is {facts.status}; judge it when it is completed"
        raise Refusal(409, "not_ready", reason, retry_after_s=retry_s)
    if facts.status != "completed" or facts.made is None:
        raise Refusal(409, "no_video", f"video {name!r} was not made: {facts.error}")
    if facts.acceptable is not None:
        raise Refusal(409, "already_judged", f"video {name!r} was judged before; once is enough")
    try:
        # First of all, so that no judgement counts twice whatever happens next.
        judged = msgspec.structs.replace(facts, acceptable=feedback.acceptable)
        bench.videos.write_facts(job.video, judged)
    except OSError as error:
        reason = f"the judgement cannot be kept ({error.strerror}); send it again"
        raise Refusal(503, "no_room", reason, retry_after_s=30) from error
    facts.acceptable = feedback.acceptable
    bench.tally.judged(facts.made.kind, acceptable=feedback.acceptable)
    told = bench.chorus.judged(job.key, feedback.acceptable)
    note = _note(facts.made.kind, bench, told=told)
    learned = not note
    if learned and experience is not None:
        try:
            experience.keep()
        except TraceError as error:
            note = f"learned until the server ends: {error}"
    return {
        "id": name,
        "object": "video.feedback",
        "acceptable": feedback.acceptable,
        "learned": learned,
        "note": note,
    }


def _note(kind: str, bench: Bench, *, told: bool) -> str:
    """Return why the policy has not learned from a judgement; empty where it has."""
    if kind in _NO_REUSE:
        return f"made without reuse ({kind}): kept, and nothing to learn from"
    if not told:
        return "made before this start of the server: kept, and too late to learn from"
    if not bench.chorus.learns:
        return f"kept; policy {bench.chorus.policy.name} has no error budget that learns from it"
    return ""
