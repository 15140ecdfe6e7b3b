"""The profiles of a run, found by what a request asks for.

A preset with a shape in its name (``wan2.1-1.3b-480p-50step-h200``) and a JSON file stand for one
clip shape. A preset without one (``wan2.1-1.3b-h200``) is modelled for whatever shape a request
states, and for 480p and 50 steps where it states none. Profiles that were measured ship as files.
"""

import importlib.resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from chorus_policies.costs.flops import TRANSFORMERS
from chorus_policies.costs.modelled import DEVICES, RESOLUTIONS, STEP_COUNTS, modelled_profile
from chorus_policies.costs.profile import Profile, Source, decode_profile, read_profile
from chorus_traces.errors import ProfileError, unknown
from chorus_traces.request import Request


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for once every unstated field has its default."""

    model: str
    height: int
    width: int
    frames: int
    steps: int
    guidance: float


def _presets() -> dict[str, tuple[str, str, str, int]]:
    """Return (model, device, resolution, step count) by preset name, any-shape presets first."""
    pairs = [(model, device) for model in TRANSFORMERS for device in DEVICES]
    presets = {f"{model}-{device}": (model, device, "480p", 50) for model, device in pairs}
    for model, device in pairs:
        for resolution in RESOLUTIONS:
            for steps in STEP_COUNTS:
                name = f"{model}-{resolution}-{steps}step-{device}"
                presets[name] = (model, device, resolution, steps)
    return presets


def preset_names() -> list[str]:
    """Return the names of all presets: measured ones, then modelled ones, of any shape first."""
    return [*_measured(), *_presets()]


def _measured() -> dict[str, Traversable]:
    """Return the files of the measured profiles that ship, by preset name."""
    folder = importlib.resources.files("chorus_policies.costs") / "profiles"
    found = {file.name.removesuffix(".json"): file for file in folder.iterdir()}
    return dict(sorted(found.items()))


def load_profile(name_or_path: str) -> Profile:
    """Return a preset by name or a profile file by path; any-shape presets give their default.

    Raises ``ProfileError`` on an unknown name or an unusable file.
    """
    if "/" in name_or_path or name_or_path.endswith(".json"):
        return read_profile(Path(name_or_path))
    presets, measured = _presets(), _measured()
    if name_or_path in measured:
        profile = decode_profile(measured[name_or_path].read_bytes(), name_or_path)
        return msgspec.structs.replace(profile, name=name_or_path)
    if name_or_path not in presets:
        raise ProfileError(unknown("profile", name_or_path, [*measured, *presets]))
    model, device, resolution, steps = presets[name_or_path]
    height, width, frames = RESOLUTIONS[resolution]
    profile = modelled_profile(
        model,
        device,
        height=height,
        width=width,
        frames=frames,
        steps=steps,
        guidance=STEP_COUNTS[steps],
    )
    return msgspec.structs.replace(profile, name=name_or_path)


class ProfileBook:
    """Finds the profile a request needs among those a run was given."""

    def __init__(self, names: tuple[str, ...]) -> None:
        if not names:
            raise ProfileError("no profile given; name a preset or a JSON file")
        self.names = names
        self.profiles = [load_profile(name) for name in names]
        self.default = self.profiles[0]
        self._found: dict[Shape, Profile] = {}

    @classmethod
    def of(cls, profile: Profile) -> "ProfileBook":
        """Return a book of one profile that no file holds."""
        book = cls.__new__(cls)
        book.names = (profile.name,)
        book.profiles = [profile]
        book.default = profile
        book._found = {}  # noqa: SLF001 - its own
        return book

    @property
    def source(self) -> Source:
        """The weakest source among the profiles: assumed < modelled < measured."""
        sources = {profile.source for profile in self.profiles}
        order: tuple[Source, ...] = ("assumed", "modelled", "measured")
        return next(source for source in order if source in sources)

    def shape_of(self, request: Request, *, forced: bool) -> Shape:
        """Return the request's shape; ``forced`` takes the default profile's whatever it states."""
        default = self.default
        if forced:
            return Shape(
                model=default.model,
                height=default.height,
                width=default.width,
                frames=default.frames,
                steps=default.steps,
                guidance=default.guidance,
            )
        return Shape(
            model=request.model or default.model,
            height=request.height or default.height,
            width=request.width or default.width,
            frames=request.frames or default.frames,
            steps=request.steps or default.steps,
            guidance=default.guidance if request.guidance is None else request.guidance,
        )

    def find(self, shape: Shape) -> Profile:
        """Return the profile for ``shape``.

        Raises ``ProfileError`` when no profile fits; a profile of another model, resolution, frame
        count or guidance is never used instead.
        """
        profile = self._found.get(shape)
        if profile is None:
            profile = self._found[shape] = self._search(shape)
        return profile

    def _search(self, shape: Shape) -> Profile:
        for name, profile in zip(self.names, self.profiles, strict=True):
            if profile.model != shape.model:
                continue
            clip = (profile.height, profile.width, profile.frames)
            same_clip = clip == (shape.height, shape.width, shape.frames)
            if same_clip and profile.guided == (shape.guidance > 1):
                return profile
            if name == f"{profile.model}-{profile.device}":
                return self._modelled(profile, shape)
        asked = f"{shape.model} {shape.width}x{shape.height}x{shape.frames}"
        guided = "with" if shape.guidance > 1 else "without"
        raise ProfileError(
            f"no profile for {asked} {guided} guidance (step count {shape.steps}); "
            f"given: {', '.join(self.names)}; add one with --profile A,B, name one of any shape "
            f"({self.default.model}-{self.default.device}), or take the profile's own shape for "
            "all requests with --set workload.shape=profile"
        )

    def _modelled(self, profile: Profile, shape: Shape) -> Profile:
        try:
            return modelled_profile(
                profile.model,
                profile.device,
                height=shape.height,
                width=shape.width,
                frames=shape.frames,
                steps=shape.steps,
                guidance=shape.guidance,
            )
        except ValueError as error:
            raise ProfileError(
                f"{profile.name}: {error}; or take the profile's own shape for all requests with "
                "--set workload.shape=profile"
            ) from error
