"""Who is who among the hands: which are free, which has which donor, which are away.

A hand is away from when somebody finds it dead or hung until it answers again; nobody is given to
it meanwhile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition, local
from typing import Any, Literal

from chorus_runtime.clock import Clock
from chorus_runtime.server.far.gone import HandsLostError
from chorus_runtime.server.far.hand import Token
from chorus_runtime.server.far.health import HandsHealth
from chorus_runtime.server.far.placement import Candidate, choose

#: Bytes a second to another machine: 10 Gbit/s. Assumed, not measured.
_RATE = 1.25e9

#: Seconds between two looks at which hand is free.
_LOOK_S = 0.1

#: Weight of the newest service time in the running mean.
_WEIGHT = 0.2


#: How a hand went: its process ended, stood still, or stood at a piece of work.
Went = Literal["died", "froze", "hung"]


@dataclass(slots=True)
class Known:
    """What the brain knows of one hand; ``until_s`` is when it is free, by estimate.

    ``life`` counts how often it went; ``froze`` says that its process stood still when it did so
    last. ``heard_s`` is when it last gave a sign, ``who`` its process.
    """

    place: int
    actor: Any
    tokens: set[Token] = field(default_factory=set)
    until_s: float = 0.0
    served: int = 0
    life: int = 0
    away: bool = False
    froze: bool = False
    heard_s: float = 0.0
    who: str = ""


class Roster:
    """The hands of one server. Methods may be called from any thread.

    One that was not heard of for ``doubt_s`` is taken last.
    """

    def __init__(self, actors: Sequence[Any], clock: Clock, doubt_s: float) -> None:
        self.hands = [Known(place, actor) for place, actor in enumerate(actors)]
        self._clock = clock
        self._doubt_s = doubt_s
        self._changed = Condition()
        self._busy: set[int] = set()
        self._mean_s = 1.0
        self._last = local()
        self._died = 0
        self._hung = 0

    def take(self, token: Token | None, size_bytes: int, patience_s: float) -> Known:
        """Wait for the hand that is done first with a run from ``token``'s donor, and take it.

        Raises ``HandsLostError`` where all of them are away for ``patience_s``.
        """
        with self._changed:
            somebody_s = self._clock.now()
            while True:
                now = self._clock.now()
                if any(not hand.away for hand in self.hands):
                    somebody_s = now
                place = choose(
                    [self._seen(hand, token, now) for hand in self.hands], size_bytes / _RATE
                )
                hand = self.hands[place]
                if place not in self._busy and not hand.away:
                    break
                self._wait(somebody_s, patience_s)
            self._busy.add(place)
            hand.until_s = now + self._mean_s
            self._last.place = place
            return hand

    def one(self, patience_s: float) -> Known:
        """Return the hand that this thread took last, or another while that one is doubtful.

        Raises ``HandsLostError`` where all of them are away for ``patience_s``.
        """
        first = getattr(self._last, "place", 0)
        with self._changed:
            start_s = self._clock.now()
            while True:
                now = self._clock.now()
                here = [hand for hand in self.hands if not hand.away]
                if here:
                    return min(
                        here,
                        key=lambda hand: (
                            now - hand.heard_s > self._doubt_s,
                            (hand.place - first) % len(self.hands),
                        ),
                    )
                self._wait(start_s, patience_s)

    def give_back(self, hand: Known, seconds: float | None = None) -> None:
        """Let others take a hand; ``seconds`` is what a whole run took."""
        with self._changed:
            self._busy.discard(hand.place)
            if seconds is not None:
                hand.served += 1
                self._mean_s += _WEIGHT * (seconds - self._mean_s)
            self._changed.notify_all()

    def heard(self, hand: Known, who: str = "") -> None:
        """Note a sign of a hand."""
        hand.heard_s, hand.who = self._clock.now(), who or hand.who

    def went(self, hand: Known, life: int, how: Went) -> bool:
        """Note that a hand went in its ``life``; tell whether the caller is the first to know."""
        with self._changed:
            if hand.life != life:
                return False
            hand.life, hand.away, hand.froze = life + 1, True, how == "froze"
            self._hung += how != "died"
            self._died += how == "died"
            # Memory is gone with the process.
            hand.tokens.clear()
            return True

    def came_back(self, hand: Known, who: str) -> None:
        """Note that a hand answers again, as another process or the same."""
        with self._changed:
            self.heard(hand, who)
            hand.away = False
            self._changed.notify_all()

    def health(self) -> HandsHealth:
        """Return how the hands are."""
        with self._changed:
            now = self._clock.now()
            return HandsHealth(
                here=sum(not hand.away for hand in self.hands),
                busy=tuple(sorted(self._busy)),
                died=self._died,
                hung=self._hung,
                silent_s=tuple(0.0 if hand.away else now - hand.heard_s for hand in self.hands),
            )

    def _seen(self, hand: Known, token: Token | None, now: float) -> Candidate:
        """Return a hand as placement sees it."""
        busy_s = 0.0
        if hand.away:
            busy_s = math.inf
        elif hand.place in self._busy:
            # One that should be done and is not takes a while longer.
            busy_s = max(hand.until_s - now, 0.1 * self._mean_s)
        elif now - hand.heard_s > self._doubt_s:
            # Not known to be dead or hung; whoever is known to live is the better choice.
            busy_s = 10 * self._mean_s
        return Candidate(
            number=hand.place,
            busy_s=busy_s,
            has_donor=token in hand.tokens,
            served=hand.served,
        )

    def _wait(self, since_s: float, patience_s: float) -> None:
        if self._clock.now() - since_s > patience_s:
            raise HandsLostError(
                f"no worker elsewhere answers; all of them went and none came back in "
                f"{patience_s:.0f} s"
            )
        self._changed.wait(_LOOK_S)
