"""The hands of one server: what they are asked to do, and what becomes of the dead and the hung.

A donor is sent to a hand once and kept there as long as its memory allows. A hand that dies is
started again by Ray; one that is silent for too long is killed, and then started again as well.
What either was doing is done by another one.
"""

import atexit
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from math import prod
from typing import Any

import ray

from chorus_policies.plan import Fresh
from chorus_runtime.clock import Clock
from chorus_runtime.donor import Donor
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.observer import StepDone, nobody
from chorus_runtime.server.far.beats import Beats, every_s
from chorus_runtime.server.far.gone import HandGoneError, Tries
from chorus_runtime.server.far.hand import (
    BEATS,
    WORKING_THREADS,
    Hand,
    Nature,
    Refused,
    Token,
    donor_bytes,
    token_of,
)
from chorus_runtime.server.far.health import HandsHealth
from chorus_runtime.server.far.reviver import START, Reviver
from chorus_runtime.server.far.roster import Known, Roster
from chorus_runtime.server.patience import HANG_AFTER_S, Patience
from chorus_traces.errors import EngineError

#: Bytes of donors a hand keeps. More of them save sending, and are not there for the model.
HAND_MEMORY_BYTES = 4 * 2**30

#: Seconds between two looks at whether a hand that is waited for has gone.
_LOOK_S = 0.25

#: Signs a hand may leave out before others are preferred.
_DOUBT = 3

#: Names the pauses between two steps.
_STEP = "step"

#: Stands for a donor that the hand has.
_KEPT_THERE = Donor()


class Hands:
    """The hands of one server: ``number`` actors that make the model themselves.

    One of which nothing is heard for ``hang_after_s`` is given up, as is one at work that tells no
    step for ten times its longest pause of late, if that is more. Methods may be called from any
    thread. Raises ``EngineError`` where hands differ.
    """

    def __init__(
        self,
        make: Callable[[], tuple[VideoModel, int]],
        number: int,
        resources: Mapping[str, Any],
        *,
        hang_after_s: float = HANG_AFTER_S,
    ) -> None:
        actor = ray.remote(concurrency_groups={BEATS: 1})(Hand).options(
            max_concurrency=WORKING_THREADS, max_restarts=-1, **resources
        )
        self._clock = Clock()
        self._patience = Patience(hang_after_s)
        self._roster = Roster(
            [actor.remote(make, HAND_MEMORY_BYTES) for _ in range(number)],
            self._clock,
            _DOUBT * every_s(hang_after_s),
        )
        self._runs = count()
        natures = ray.get([hand.actor.nature.remote() for hand in self._roster.hands])
        self._patience.seen(START, self._clock.now())
        self.nature: Nature = natures[0]
        if any(other.deployment != self.nature.deployment for other in natures):
            raise EngineError("the hands serve different weights; start them alike")
        for hand in self._roster.hands:
            self._roster.heard(hand, ray.get(hand.actor.beat.remote()))
        self._reviver = Reviver(self._roster, self._patience, self._clock)
        self._beats = Beats(self._roster, hang_after_s, self._reviver.went)
        atexit.register(self.close)

    @property
    def actors(self) -> list[Any]:
        """The Ray actors."""
        return [hand.actor for hand in self._roster.hands]

    def health(self) -> HandsHealth:
        """Return how the hands are."""
        return self._roster.health()

    def close(self) -> None:
        """Look after the hands no more. Closing twice is fine."""
        atexit.unregister(self.close)
        self._reviver.close()
        self._beats.close()

    def ask(self, method: str, *arguments: Any, size: int = 1, **named: Any) -> Any:
        """Return what the hand this thread used last, or another, answers about ``size`` elements.

        Raises ``EngineError`` where it refuses, and ``HandsLostError`` where none answers.
        """
        tries = Tries(self.number)
        while True:
            hand = self._roster.one(self._patience.limit_s(START))
            life, start_s = hand.life, self._clock.now()
            try:
                with self._living(hand, life):
                    asked = getattr(hand.actor, method).remote(*arguments, **named)
                    self._wait(hand, life, asked, method, size)
                    answer = ray.get(asked)
            except HandGoneError as gone:
                tries.again(gone, began=hand.heard_s > start_s)
                continue
            return _accepted(answer)

    def generate(self, generation: Generation) -> Generated:
        """Carry out a plan on the hand that is done first. Raises as an engine does.

        What was shared before a hand went stays valid: the next one makes the same again. Raises
        ``HandsLostError`` for a run that takes several hands with it.
        """
        token, donor, plan = None, generation.donor, generation.plan
        if donor is not None and not isinstance(plan, Fresh):
            token = token_of(plan.donor, donor)
        size_bytes, tries = 0 if donor is None else donor_bytes(donor), Tries(self.number)
        while True:
            hand = self._roster.take(token, size_bytes, self._patience.limit_s(START))
            start_s, took_s = self._clock.now(), None
            try:
                made = self._run(hand, generation, token)
                took_s = self._clock.now() - start_s
            except HandGoneError as gone:
                tries.again(gone, began=hand.heard_s > start_s)
            else:
                return _noted(made, tries)
            finally:
                self._roster.give_back(hand, took_s)

    @property
    def number(self) -> int:
        """How many hands there are."""
        return len(self._roster.hands)

    def _run(self, hand: Known, generation: Generation, token: Token | None) -> Generated:
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
        self, hand: Known, generation: Generation, token: Token | None, *, sent: bool
    ) -> Generated | None:
        """Wait for a run and tell its observer of its steps; end it where the observer raises."""
        run, observer, life = next(self._runs), generation.observer, hand.life
        told = hand.actor.generate.options(num_returns="streaming").remote(
            run, replace(generation, observer=nobody), token, sent=sent
        )
        size = prod(generation.latent_shape)
        while True:
            with self._living(hand, life):
                self._wait(hand, life, told, _STEP, size)
                one = ray.get(next(told))
            if not isinstance(one, StepDone):
                made: Generated | None = _accepted(one)
                return made
            try:
                observer(one)
            except BaseException:
                hand.actor.stop.remote(run)
                raise

    def _wait(self, hand: Known, life: int, awaited: Any, work: str, size: int) -> None:
        """Wait for the next answer of a hand. Raises ``HandGoneError``."""
        start_s, looks = self._clock.now(), 0
        limit_s = self._patience.limit_s(work, size)
        while not ray.wait([awaited], timeout=_LOOK_S)[0]:
            looks += 1
            if hand.life != life:
                raise HandGoneError(hung=hand.froze)
            # Looks count, not seconds: while this process stands still nobody else is to blame.
            if looks * _LOOK_S > limit_s:
                self._reviver.went(hand, life, "hung")
                raise HandGoneError(hung=True)
        self._patience.seen(work, self._clock.now() - start_s, size)

    @contextmanager
    def _living(self, hand: Known, life: int) -> Iterator[None]:
        """Note a sign of the hand, or raise ``HandGoneError`` where it died instead."""
        try:
            yield
        except ray.exceptions.RayActorError as error:
            self._reviver.went(hand, life, "died")
            raise HandGoneError(hung=hand.froze) from error
        self._roster.heard(hand)


def _noted(made: Generated, tries: Tries) -> Generated:
    """Return what was made, saying how often its run was begun again."""
    if not tries.lost:
        return made
    hung = f" ({tries.hung} hung)" if tries.hung else ""
    notes = (*made.facts.notes, f"begun again; workers lost: {tries.lost}{hung}")
    return replace(made, facts=replace(made.facts, notes=notes))


def _accepted(answer: Any) -> Any:
    if isinstance(answer, Refused):
        raise EngineError(answer.reason)
    return answer
