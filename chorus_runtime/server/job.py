"""A job: one accepted request, from its arrival until its video is forgotten."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from chorus_policies.plan import Copy
from chorus_runtime.asked import Asked
from chorus_runtime.observer import StepDone
from chorus_traces.request import Request

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]

_JUDGED = {None: "", True: "acceptable", False: "not acceptable"}


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Ends a run that nobody waits for any more."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """How a video was made, as its client is told.

    ``seconds_saved`` is an estimate: denoising steps saved, times a step's measured time; ``None``
    as long as none was measured. ``worker`` is -1 for a copy answered on arrival. ``stages`` are
    seconds by the names of a profile. ``stored`` is empty until the result was offered.
    """

    kind: str
    reason: str
    donor: int | None
    similarity: float | None
    k1: int
    k2: int
    active_share: float
    seconds_saved: float | None
    seconds_saved_source: str
    seed: int
    steps: int
    policy: str
    fingerprint: str
    fallback: str
    stored: str
    worker: int
    waiting_s: float
    service_s: float
    response_s: float
    stages: Mapping[str, float]
    notes: tuple[str, ...]


class Facts(msgspec.Struct, kw_only=True):
    """What is told of a job, and kept beside its video.

    ``acceptable`` is what somebody thought of it, ``None`` until it is judged.
    """

    id: str
    tenant: str
    model: str
    prompt: str
    size: str
    seconds: str
    created_at: float
    status: Status = "queued"
    progress: int = 0
    completed_at: float | None = None
    error_code: str = ""
    error: str = ""
    made: Made | None = None
    acceptable: bool | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A request on its way; ``told`` is done when there is an answer, or none will come.

    ``log_name`` is unique in the log; ``asked`` is ``None`` for a job that is over. ``ready_s`` is
    when the run ended that it waited for to copy, ``None`` where it waited for none.
    """

    facts: Facts
    request: Request
    log_name: str
    video: str
    asked: Asked | None = None
    copy: Copy | None = None
    key: int = -1
    ready_s: float | None = None
    start_s: float = 0.0
    finish_s: float = 0.0
    stop_reason: str = ""
    told: "Future[None]" = field(default_factory=Future)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will be done for it."""
        return self.facts.status in ("completed", "failed", "cancelled")

    def step_done(self, done: StepDone) -> None:
        """Note the progress; end the run where it was stopped."""
        self.check_stopped()
        if self.asked is not None:
            # The last percent is decoding and writing.
            self.facts.progress = min(99, 100 * (done.number + 1) // self.asked.shape.steps)

    def check_stopped(self) -> None:
        """Raise ``Stopped`` where somebody stopped it."""
        if self.stop_reason:
            raise Stopped(self.stop_reason)

    def tell(self) -> None:
        """Let those go on who wait for the answer."""
        if not self.told.done():
            self.told.set_result(None)

    def as_video(self, expires_s: float | None) -> dict[str, Any]:
        """Return the job as OpenAI's video object, with ours in ``chorus``."""
        facts = self.facts
        failed = facts.status in ("failed", "cancelled")
        done = facts.completed_at
        return {
            "id": facts.id,
            "object": "video",
            "model": facts.model,
            "status": "failed" if failed else facts.status,
            "progress": facts.progress,
            "created_at": int(facts.created_at),
            "completed_at": None if done is None else int(done),
            "expires_at": None if done is None or expires_s is None else int(done + expires_s),
            "prompt": facts.prompt,
            "size": facts.size,
            "seconds": facts.seconds,
            "remixed_from_video_id": None,
            "error": {"code": facts.error_code, "message": facts.error} if failed else None,
            "chorus": None if facts.made is None else self._made(facts.made),
        }

    def _made(self, made: Made) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.to_builtins(made)
        return told | {"judged": _JUDGED[self.facts.acceptable]}
