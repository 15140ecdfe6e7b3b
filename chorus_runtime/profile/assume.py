"""What is assumed of stages that cannot be measured here."""

from collections.abc import Collection

import msgspec

from chorus_policies.costs.modelled import modelled_profile
from chorus_policies.costs.profile import StageTime
from chorus_policies.costs.profile_book import Shape
from chorus_traces.errors import EngineError

_DEVICE = "h100"


def assumed_stages(shape: Shape, names: Collection[str]) -> dict[str, StageTime]:
    """Return the named stages as they are modelled for an H100, marked as assumed."""
    if not names:
        return {}
    try:
        modelled = modelled_profile(
            shape.model,
            _DEVICE,
            height=shape.height,
            width=shape.width,
            frames=shape.frames,
            steps=shape.steps,
            guidance=shape.guidance,
        )
    except ValueError as error:
        raise EngineError(str(error)) from error
    return {
        name: msgspec.structs.replace(getattr(modelled, name), source="assumed") for name in names
    }
