"""A hand: a process on any machine that holds the model and the donors it was sent last.

A run tells its steps as they are done. When the latent before ``shared_step`` exists it sends those
that others may start from: the brain has them then, whatever becomes of the hand.
"""

import os
import secrets
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Lock, Thread
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
from chorus_runtime.store.kept import LATENT_DTYPE
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

#: Runs and other work have threads of their own beside that of ``beat``.
BEATS, WORKING_THREADS = "beats", 3

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


_NOTHING = torch.empty(0)


class Stop(Exception):  # noqa: N818 - nothing went wrong
    """Ends a run nobody waits for."""


class Hand:
    """Carries out plans on its own model; ``make`` returns it and its frames per second.

    ``stop`` may be called beside ``generate``. ``memory_bytes`` bounds the donors it keeps.
    Answers are values or ``Refused``: nothing is raised across machines but what nobody foresaw.
    """

    def __init__(self, make: Callable[[], tuple[VideoModel, int]], memory_bytes: int) -> None:
        self._model, self._frames_per_s = make()
        self._memory_bytes = memory_bytes
        self._donors: OrderedDict[Token, Donor] = OrderedDict()
        self._stopped: set[int] = set()
        self._lock = Lock()
        # A process that is started later on the same machine may have the same number.
        self._who = f"process {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(2)}"

    def beat(self) -> str:
        """Give a sign of life; return which process this is, unlike any other."""
        return self._who

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

    def sigmas(self, generation: Generation) -> tuple[float, ...] | Refused:
        """Return the noise levels of a request: before each step, and after the last."""
        try:
            return self._model.engine.solver(generation).sigmas
        except EngineError as error:
            return Refused(reason=str(error))

    def generate(
        self, run: int, generation: Generation, token: Token | None, *, sent: bool
    ) -> Iterator[StepDone | Generated | Refused | None]:
        """Carry out a plan: yield each step when it is done, and in the end what came of it.

        That is ``None`` where the donor was not sent and is not in memory any more. Without
        ``sent`` the generation's donor stands for the one that ``token`` names.
        """
        if token is not None:
            donor = self._donor(token, generation.donor if sent else None)
            if donor is None:
                yield None
                return
            generation = replace(generation, donor=donor)
        told: SimpleQueue[StepDone | Generated | Refused | BaseException] = SimpleQueue()
        # The engine calls back and Ray takes from an iterator: somebody must stand between.
        Thread(target=self._run, args=(run, generation, told.put), daemon=True).start()
        while isinstance(one := told.get(), StepDone):
            yield one
        if isinstance(one, BaseException):
            raise one
        yield one

    def _run(
        self,
        run: int,
        generation: Generation,
        tell: Callable[[StepDone | Generated | Refused | BaseException], None],
    ) -> None:
        shared = generation.shared_step

        def seen(done: StepDone) -> None:
            nonlocal shared
            if run in self._stopped:
                raise Stop
            wanted = shared is not None and done.number + 1 >= shared
            shared = None if wanted else shared
            tell(_sent(done, latents=wanted))

        try:
            tell(_on_cpu(self._model.engine.generate(replace(generation, observer=seen))))
        except EngineError as error:
            tell(Refused(reason=str(error)))
        except BaseException as error:  # noqa: BLE001 - raised again where the run is waited for
            tell(error)
        finally:
            self._stopped.discard(run)

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


def _sent(done: StepDone, *, latents: bool) -> StepDone:
    """Return what the brain is told of a step, with its latents or without."""
    if not latents:
        return replace(done, latents=_NOTHING, kept={})
    kept = {step: _in_store_form(latent) for step, latent in done.kept.items()}
    return replace(done, latents=_in_store_form(done.latents), kept=kept)


def _in_store_form(latent: torch.Tensor) -> torch.Tensor:
    """Return a latent as it is kept: rounded here, half of it travels."""
    return latent.to(LATENT_DTYPE).cpu()


def _on_cpu(made: Generated) -> Generated:
    """Return what was made with its latents where the brain can read them."""
    kept = {step: _in_store_form(latent) for step, latent in made.trajectory.latents.items()}
    return replace(
        made,
        latents=made.latents.cpu(),
        trajectory=replace(made.trajectory, latents=kept),
        maps=None if made.maps is None else made.maps.cpu(),
        region=None,
    )
