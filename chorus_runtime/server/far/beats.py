"""Whether the hands live: each is asked for a sign every so often, by one thread.

It finds the process that died or stands still, at work or not. That an engine hangs while its
process answers shows elsewhere: no step comes.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import ray

from chorus_runtime.server.far.hand import BEATS
from chorus_runtime.server.far.roster import Known, Roster, Went

#: Signs asked for in the time a hand may be silent, and bounds of the seconds between two.
_SIGNS, _SHORTEST_S, _LONGEST_S = 10.0, 0.1, 2.0


def every_s(silence_s: float) -> float:
    """Return the seconds between two signs where ``silence_s`` are borne."""
    return min(_LONGEST_S, max(_SHORTEST_S, silence_s / _SIGNS))


_LOG = logging.getLogger("chorus.server")


@dataclass(slots=True)
class _Asked:
    """A sign that was asked for; ``looks`` counts how often it was not there."""

    life: int
    answer: Any
    looks: int = 0


class Beats:
    """Asks until it is closed; ``went`` is told a hand, its life and how it went."""

    def __init__(
        self,
        roster: Roster,
        silence_s: float,
        went: Callable[[Known, int, Went], None],
    ) -> None:
        self._roster = roster
        self._every_s = every_s(silence_s)
        # Looks are counted, not seconds: while this process stands still nobody else is to blame.
        self._most_looks = math.ceil(silence_s / self._every_s)
        self._went = went
        self._asked: dict[int, _Asked] = {}
        self._closed = Event()
        self._thread = Thread(target=self._listen, name="chorus-beats", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._closed.wait(self._every_s) and ray.is_initialized():
            for hand in self._roster.hands:
                asked = self._asked.get(hand.place)
                if asked is not None and self._is_over(hand, asked):
                    del self._asked[hand.place]
                if hand.place not in self._asked and not hand.away:
                    beat = hand.actor.beat.options(concurrency_group=BEATS).remote()
                    self._asked[hand.place] = _Asked(hand.life, beat)

    def _is_over(self, hand: Known, asked: _Asked) -> bool:
        """Tell whether there is nothing to wait for, and tell others why."""
        if hand.life != asked.life:
            return True
        if ray.wait([asked.answer], timeout=0)[0]:
            try:
                self._roster.heard(hand, ray.get(asked.answer))
            except ray.exceptions.RayActorError:
                self._went(hand, asked.life, "died")
            except ray.exceptions.RayError as error:
                # The cluster's trouble and not the hand's, which is asked again.
                _LOG.warning("worker elsewhere %d: no sign (%s)", hand.place, error)
            return True
        asked.looks += 1
        if asked.looks >= self._most_looks:
            self._went(hand, asked.life, "froze")
            return True
        return False
