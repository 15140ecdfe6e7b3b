"""How long the stages of a fake or paced engine take, as stated on the command line."""

from dataclasses import dataclass

from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTimes:
    """Seconds of each stage; ``step_s`` is a full step, one of SRD takes less by its region."""

    step_s: float = 0.0
    text_s: float = 0.0
    decode_s: float = 0.0
    encode_s: float = 0.0


def engine_times(engine: str) -> EngineTimes:
    """Return the times in ``NAME:STEP[,TEXT,DECODE,ENCODE]``. Raises ``EngineError``."""
    name, _, text = engine.partition(":")
    try:
        seconds = [float(part) for part in text.split(",")]
    except ValueError:
        seconds = []
    if len(seconds) not in (1, 4) or not all(0 <= one <= 3600 for one in seconds):
        raise EngineError(
            f"{name} engine {text!r}; seconds as STEP or STEP,TEXT,DECODE,ENCODE are needed"
        )
    return EngineTimes(**dict(zip(EngineTimes.__slots__, seconds, strict=False)))
