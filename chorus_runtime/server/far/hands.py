"""The hands of one server: which are free, which has which donor, and what becomes of the dead.

A donor is sent to a hand once and kept there as long as its memory allows. A hand that dies is
started again by Ray, and what it was doing is done by another one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Condition, Event, Thread, local
from typing import Any

import ray

from chorus_policies.plan import Fresh
from chorus_runtime.clock import Clock
from chorus_runtime.donor import Donor
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.observer import StepDone, nobody
from chorus_runtime.server.far.hand import (
    Hand,
    Nature,
    Refused,
    Token,
    donor_bytes,
    token_of,
)
from chorus_runtime.server.far.placement import Candidate, choose
from chorus_traces.errors import EngineError

#: Bytes of donors a hand keeps. More of them save sending, and are not there for the model.
HAND_MEMORY_BYTES = 4 * 2**30

#: Bytes a second to another machine: 10 Gbit/s. Assumed, not measured.
_RATE = 1.25e9

#: Seconds between two looks at which hand is free.
_LOOK_S = 0.1

#: Times a piece of work is given to another hand after its own one died.
_TRIES = 3

#: Seconds between two looks for a hand that died, and how often all of them are asked.
_AWAY_S, _ROUNDS = 0.5, 120

#: Weight of the newest service time in the running mean.
_WEIGHT = 0.2

#: Stands for a donor that the hand has.
_KEPT_THERE = Donor()


@dataclass(slots=True)
class _Known:
    """What the brain knows of one hand; ``until_s`` is when it is free, by estimate."""

    actor: Any
    tokens: set[Token] = field(default_factory=set)
    until_s: float = 0.0
    served: int = 0


class Hands:
    """The hands of one server: ``number`` actors that make the model themselves.

    Methods may be called from any thread. Raises ``EngineError`` where hands differ.
    """

    def __init__(
        self,
        make: Callable[[], tuple[VideoModel, int]],
        number: int,
        resources: Mapping[str, Any],
    ) -> None:
        actor = ray.remote(Hand).options(max_concurrency=3, max_restarts=-1, **resources)
        self._hands = [_Known(actor.remote(make, HAND_MEMORY_BYTES)) for _ in range(number)]
        self._clock = Clock()
        self._changed = Condition()
        self._busy: set[int] = set()
        self._runs = count()
        self._mean_s = 1.0
        self._last = local()
        natures = ray.get([hand.actor.nature.remote() for hand in self._hands])
        self.nature: Nature = natures[0]
        if any(other.deployment != self.nature.deployment for other in natures):
            raise EngineError("the hands serve different weights; start them alike")

    @property
    def actors(self) -> list[Any]:
        """The Ray actors."""
        return [hand.actor for hand in self._hands]

    def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return what the hand this thread used last, or another, answers.

        Raises ``EngineError`` where it refuses, and where none answers.
        """
        place = getattr(self._last, "place", 0)
        never = Event()
        for tries in range(_ROUNDS * len(self._hands)):
            hand = self._hands[(place + tries) % len(self._hands)]
            try:
                return _accepted(ray.get(getattr(hand.actor, method).remote(*arguments, **named)))
            except ray.exceptions.RayActorError:
                if (tries + 1) % len(self._hands) == 0:
                    never.wait(_AWAY_S)
        raise EngineError("no worker answers; all of them ended and none came back")

    def generate(self, generation: Generation) -> Generated:
        """Carry out a plan on the hand that is done first. Raises as an engine does.

        What was shared before a hand died stays valid: the next one makes the same again.
        """
        token, donor, plan = None, generation.donor, generation.plan
        if donor is not None and not isinstance(plan, Fresh):
            token = token_of(plan.donor, donor)
        for deaths in range(_TRIES):
            place = self._taken(token, 0 if donor is None else donor_bytes(donor))
            start, hand = self._clock.now(), self._hands[place]
            try:
                made = self._run(hand, generation, token)
            except ray.exceptions.RayActorError:
                # Ray starts it again; until it answers nobody else takes it.
                hand.until_s = math.inf
                Thread(target=self._revive, args=(place,), daemon=True).start()
            except BaseException:
                self._given_back(place)
                raise
            else:
                self._given_back(place, self._clock.now() - start)
                return _noted(made, deaths)
        raise EngineError(f"{_TRIES} hands died with this request; nothing was made")

    def _run(self, hand: _Known, generation: Generation, token: Token | None) -> Generated:
        """Run on one hand; the donor is sent where it is not known to be there."""
        if token in hand.tokens:
            made = self._watched(hand, replace(generation, donor=_KEPT_THERE), token, sent=False)
            if made is not None:
                return made
        made = self._watched(hand, generation, token, sent=True)
        if made is None:
            raise EngineError("a hand forgot the donor it was just sent")
        if token is not None:
            hand.tokens.add(token)
        return made

    def _watched(
        self, hand: _Known, generation: Generation, token: Token | None, *, sent: bool
    ) -> Generated | None:
        """Wait for a run and tell its observer of its steps; end it where the observer raises."""
        run, observer = next(self._runs), generation.observer
        told = hand.actor.generate.options(num_returns="streaming").remote(
            run, replace(generation, observer=nobody), token, sent=sent
        )
        for one in map(ray.get, told):
            if not isinstance(one, StepDone):
                made: Generated | None = _accepted(one)
                return made
            try:
                observer(one)
            except BaseException:
                hand.actor.stop.remote(run)
                raise
        raise EngineError("a hand ended a run without an answer")

    def _taken(self, token: Token | None, size_bytes: int) -> int:
        """Wait for the hand that is done first, and take it."""
        with self._changed:
            while True:
                now = self._clock.now()
                place = choose(
                    [
                        Candidate(
                            number=number,
                            # One that should be done and is not takes a while longer.
                            busy_s=max(hand.until_s - now, 0.1 * self._mean_s)
                            if number in self._busy
                            else 0.0,
                            has_donor=token in hand.tokens,
                            served=hand.served,
                        )
                        for number, hand in enumerate(self._hands)
                    ],
                    size_bytes / _RATE,
                )
                if place not in self._busy:
                    break
                self._changed.wait(_LOOK_S)
            self._busy.add(place)
            self._hands[place].until_s = now + self._mean_s
            self._last.place = place
            return place

    def _given_back(self, place: int, seconds: float | None = None) -> None:
        """Let others take a hand; ``seconds`` is what a whole run took."""
        with self._changed:
            self._busy.discard(place)
            if seconds is not None:
                self._hands[place].served += 1
                self._mean_s += _WEIGHT * (seconds - self._mean_s)
            self._changed.notify_all()

    def _revive(self, place: int) -> None:
        """Wait until a hand that died answers again, without its memory, and give it back."""
        hand, never = self._hands[place], Event()
        while ray.is_initialized():
            try:
                ray.get(hand.actor.nature.remote())
            except ray.exceptions.RayActorError:
                never.wait(_AWAY_S)
                continue
            hand.tokens.clear()
            self._given_back(place)
            return


def _noted(made: Generated, deaths: int) -> Generated:
    """Return what was made, saying how often its run was begun again."""
    if not deaths:
        return made
    notes = (*made.facts.notes, f"begun again; workers lost: {deaths}")
    return replace(made, facts=replace(made.facts, notes=notes))


def _accepted(answer: Any) -> Any:
    if isinstance(answer, Refused):
        raise EngineError(answer.reason)
    return answer
