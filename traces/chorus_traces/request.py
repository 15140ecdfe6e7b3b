"""The request: what one user asked for, and when."""

import math
from typing import Any

import msgspec

from chorus_traces.errors import TraceError

#: Latest arrival a trace can state, 100 years: beyond it the unit is not seconds.
MOST_SECONDS = 100 * 365.25 * 86_400

#: Most steps that are served, live and simulated: training schedules have so many timesteps.
MOST_STEPS = 1000

#: Fields that take part in the namespace besides the request's own; a trace may carry them as
#: extra fields, and a serving deployment states them once for all.
DEPLOYMENT_FIELDS = (
    "revision",
    "lora",
    "scheduler",
    "sigma_schedule",
    "dtype",
    "quantisation",
    "vae",
)


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One generation request of a trace.

    ``None`` means *not stated*: the deployment's default applies. ``arrival_s`` counts seconds from
    the start of the trace. ``conditioning`` is a digest of the image or video input; equal digests
    mean equal inputs. ``user`` groups requests into sessions of one person; ``tenant`` is the
    customer whose data must stay apart. Unknown fields of the source are kept in ``extra``.

    Raises ``TraceError`` (without a place; the reader adds file and line) on impossible values.
    """

    id: str
    arrival_s: float
    prompt: str
    negative_prompt: str | None = None
    seed: int | None = None
    model: str | None = None
    height: int | None = None
    width: int | None = None
    frames: int | None = None
    steps: int | None = None
    guidance: float | None = None
    tenant: str | None = None
    user: str | None = None
    conditioning: str | None = None
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not math.isfinite(self.arrival_s) or self.arrival_s < 0:
            raise TraceError(f"arrival_s is {self.arrival_s}; a finite number >= 0 is needed")
        if self.arrival_s > MOST_SECONDS:
            raise TraceError(
                f"arrival_s is {self.arrival_s:g}, over 100 years; seconds are needed (turn "
                "milliseconds or nanoseconds into seconds)"
            )
        for name in ("height", "width", "frames", "steps"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise TraceError(f"{name} is {value}; a number > 0 is needed")
        if self.guidance is not None and not (math.isfinite(self.guidance) and self.guidance >= 0):
            raise TraceError(f"guidance is {self.guidance}; a finite number >= 0 is needed")


#: Names of the fields a trace can state, in the order they are written.
REQUEST_FIELDS = tuple(name for name in Request.__struct_fields__ if name != "extra")
