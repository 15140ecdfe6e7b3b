"""A hand: a process on any machine that holds the model and the donors it was sent last."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.donor import Donor
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, Timing, VideoModel
from chorus_runtime.observer import StepDone
from chorus_runtime.profile.environment import device_name
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

#: Says which latents of which entry: key, sigmas kept, whether there is a compact form.
Token = tuple[int, tuple[float, ...], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An ``EngineError`` on its way back."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What the brain must know of a hand's model."""

    name: str
    deployment: Deployment
    settings: EngineSettings
    frames_per_s: int
    device: str


def token_of(key: int, donor: Donor) -> Token:
    """Return what names a donor's latents."""
    return key, tuple(sorted(donor.latents)), donor.finished is not None


class Stop(Exception):  # noqa: N818 - nothing went wrong
    """Ends a run nobody waits for."""


class Hand:
    """Carries out plans on its own model; ``make`` returns it and its frames per second.

    ``generate`` runs beside ``step`` and ``stop``. ``memory_bytes`` bounds the donors it keeps.
    Answers are values or ``Refused``: nothing is raised across machines but what nobody foresaw.
    """

    def __init__(self, make: Callable[[], tuple[VideoModel, int]], memory_bytes: int) -> None:
        self._model, self._frames_per_s = make()
        self._memory_bytes = memory_bytes
        self._donors: OrderedDict[Token, Donor] = OrderedDict()
        self._steps: dict[int, int] = {}
        self._stopped: set[int] = set()
        self._lock = Lock()

    def nature(self) -> Nature:
        """Return what the model is."""
        model = self._model
        return Nature(
            name=model.name,
            deployment=model.deployment(),
            settings=model.engine.settings,
            frames_per_s=self._frames_per_s,
            device=device_name(model.device),
        )

    def shape(self, request: Request) -> tuple[Shape, tuple[int, ...], Timing] | Refused:
        """Return a request's shape, the shape of its latents, and its schedule."""
        try:
            shape = self._model.shape_of(request)
        except EngineError as error:
            return Refused(reason=str(error))
        return shape, self._model.latent_shape(shape), self._model.timing(shape)

    def encode(
        self, prompt: str, negative_prompt: str | None, *, guided: bool
    ) -> EncodedText | Refused:
        """Return the prompt as the transformer reads it, on the CPU."""
        try:
            return self._model.encode(prompt, negative_prompt, guided=guided)
        except EngineError as error:
            return Refused(reason=str(error))

    def generate(
        self, run: int, generation: Generation, token: Token | None, *, sent: bool
    ) -> Generated | Refused | None:
        """Carry out a plan; ``None`` where its donor was not sent and is not in memory any more.

        Without ``sent`` the generation's donor stands for the one that ``token`` names.
        """
        if token is not None:
            donor = self._donor(token, generation.donor if sent else None)
            if donor is None:
                return None
            generation = replace(generation, donor=donor)

        def seen(done: StepDone) -> None:
            self._steps[run] = done.number
            if run in self._stopped:
                raise Stop

        try:
            return _on_cpu(self._model.engine.generate(replace(generation, observer=seen)))
        except EngineError as error:
            return Refused(reason=str(error))
        finally:
            self._steps.pop(run, None)
            self._stopped.discard(run)

    def step(self, run: int) -> int:
        """Return the last step a run has done, -1 before its first."""
        return self._steps.get(run, -1)

    def stop(self, run: int) -> None:
        """End a run at its next step."""
        self._stopped.add(run)

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip of finished latents, or ``Refused``."""
        try:
            return self._model.decode(latents.to(self._model.device), output_type)
        except EngineError as error:
            return Refused(reason=str(error))

    def held(self) -> list[Token]:
        """Return the donors in memory, the last used one last."""
        with self._lock:
            return list(self._donors)

    def _donor(self, token: Token, sent: Donor | None) -> Donor | None:
        """Return a donor from memory, where one that was sent is kept."""
        with self._lock:
            if sent is not None:
                self._donors[token] = sent
            donor = self._donors.get(token)
            if donor is not None:
                self._donors.move_to_end(token)
            while (
                len(self._donors) > 1
                and sum(map(donor_bytes, self._donors.values())) > self._memory_bytes
            ):
                self._donors.popitem(last=False)
        return donor


def donor_bytes(donor: Donor) -> int:
    """Return the bytes of a donor's latents."""
    latents = [*donor.latents.values(), *([] if donor.finished is None else [donor.finished])]
    return sum(int(latent.nbytes) for latent in latents)


def _on_cpu(made: Generated) -> Generated:
    """Return what was made with its latents where the brain can read them."""
    kept = {step: latent.cpu() for step, latent in made.trajectory.latents.items()}
    return replace(
        made,
        latents=made.latents.cpu(),
        trajectory=replace(made.trajectory, latents=kept),
        maps=None if made.maps is None else made.maps.cpu(),
        region=None,
    )
