"""Clips a model can make: defaults for what a request leaves out, and which sizes fit."""

from dataclasses import dataclass

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import INPUT_FIELDS
from chorus_traces.errors import EngineError
from chorus_traces.request import MOST_STEPS, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRule:
    """Sizes in pixels: multiples of ``sides``, and one frame more than a multiple of ``frames``.

    ``default`` fills in what a request leaves out.
    """

    default: Shape
    sides: int
    frames: int

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape. Raises ``EngineError`` for one the model cannot make."""
        shape = stated_shape(request, self.default)
        for name in ("height", "width"):
            value = getattr(shape, name)
            if value % self.sides:
                near = max(1, round(value / self.sides)) * self.sides
                raise EngineError(
                    f"{name} is {value}; a multiple of {self.sides} is needed (nearest: {near})"
                )
        if (shape.frames - 1) % self.frames:
            near = round((shape.frames - 1) / self.frames) * self.frames + 1
            raise EngineError(
                f"frames is {shape.frames}; one more than a multiple of {self.frames} is needed "
                f"(nearest: {near})"
            )
        return shape


def stated_shape(request: Request, default: Shape) -> Shape:
    """Return the shape a request states, from ``default`` where it states nothing.

    Raises ``EngineError`` for another model, an image or video input, or too many steps.
    """
    if request.model not in (None, default.model):
        raise EngineError(f"model {request.model!r} is not served here; this is {default.model!r}")
    given = [name for name in INPUT_FIELDS if request.extra.get(name)]
    if request.conditioning is not None or given:
        what = given[0] if given else "conditioning"
        raise EngineError(f"the request has an input ({what}); only text-to-video is supported")
    shape = Shape(
        model=default.model,
        height=request.height or default.height,
        width=request.width or default.width,
        frames=request.frames or default.frames,
        steps=request.steps or default.steps,
        guidance=default.guidance if request.guidance is None else request.guidance,
    )
    if shape.steps > MOST_STEPS:
        raise EngineError(f"steps is {shape.steps}; at most {MOST_STEPS} are supported")
    return shape
