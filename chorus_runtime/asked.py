"""One request on its way through the service."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chorus_policies.costs.profile_book import Shape
from chorus_policies.entry import Query
from chorus_runtime.clock import Stopwatch
from chorus_runtime.observer import StepDone
from chorus_traces.errors import EngineError, unknown
from chorus_traces.request import Request

#: Text encoders read a few hundred tokens; a longer prompt is a mistake or an attack.
MOST_CHARACTERS = 10_000

OUTPUT_TYPES: Final = ("latent", "np", "pil", "pt")

_SEEDS = 2**63


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request with its shape, seed and query; ``watch`` takes its time as it goes."""

    request: Request
    shape: Shape
    seed: int
    query: Query
    watch: Stopwatch
    output_type: str
    observer: Callable[[StepDone], None]
    fallback: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def guided(self) -> bool:
        """Tell whether a step runs the model twice."""
        return self.shape.guidance > 1


def seed_of(request: Request) -> int:
    """Return the request's seed, or a new one where it states none."""
    if request.seed is None:
        return secrets.randbelow(2**31)
    if not 0 <= request.seed < _SEEDS:
        raise EngineError(f"seed is {request.seed}; a number from 0 to 2^63 - 1 is needed")
    return request.seed


def check_text(what: str, text: object, *, needed: bool = False) -> None:
    """Raise ``EngineError`` for what no text encoder can read, and for none where it is needed."""
    if not isinstance(text, str):
        raise EngineError(f"the {what} is a {type(text).__name__}; a text is needed")
    if len(text) > MOST_CHARACTERS:
        raise EngineError(
            f"the {what} has {len(text)} characters; at most {MOST_CHARACTERS} are read"
        )
    if needed and not text.strip():
        raise EngineError(f"the {what} is empty; say what to show")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EngineError(f"the {what} is not valid Unicode at character {error.start}") from error


def check_output_type(output_type: str) -> None:
    """Raise ``EngineError`` for a form that clips do not come in."""
    if output_type not in OUTPUT_TYPES:
        raise EngineError(unknown("output type", output_type, OUTPUT_TYPES))
