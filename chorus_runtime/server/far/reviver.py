"""What is done about a hand that went: it is said so, killed if it hangs, and waited for.

Ray starts a hand again whose process ended. Its raylet ends one that stands still within seconds.
"""

import logging
from threading import Event, Thread

import ray

from chorus_runtime.clock import Clock
from chorus_runtime.server.far.roster import Known, Roster, Went
from chorus_runtime.server.patience import Patience

#: Names the time a hand takes from its start to its first answer.
START = "start"

#: Seconds between two looks at whether a hand that went is back.
_AWAY_S = 0.5

_HOW = {
    "died": "died",
    "froze": "stands still and is killed",
    "hung": "hangs at its work and is killed",
}

_LOG = logging.getLogger("chorus.server")


class Reviver:
    """Brings hands back, each in a thread of its own, until it is closed."""

    def __init__(self, roster: Roster, patience: Patience, clock: Clock) -> None:
        self._roster = roster
        self._patience = patience
        self._clock = clock
        self._closed = Event()

    def close(self) -> None:
        """Bring nobody back any more."""
        self._closed.set()

    def went(self, hand: Known, life: int, how: Went) -> None:
        """Bring back a hand that went in its ``life``, unless that is being done already."""
        silent_s = self._clock.now() - hand.heard_s
        if self._roster.went(hand, life, how):
            _LOG.warning(
                "worker elsewhere %d (%s) %s; last heard of %.1f s ago",
                *(hand.place, hand.who, _HOW[how], silent_s),
            )
            Thread(target=self._revive, args=(hand, how), daemon=True).start()

    def _revive(self, hand: Known, how: Went) -> None:
        start_s, before, hangs, who = self._clock.now(), hand.who, how != "died", ""
        while not who:
            if self._closed.is_set() or not ray.is_initialized():
                return
            if hangs:
                ray.kill(hand.actor, no_restart=False)
            try:
                limit_s = self._patience.limit_s(START)
                who, hangs = ray.get(hand.actor.beat.remote(), timeout=limit_s), False
            except ray.exceptions.RayActorError:
                hangs = False
            except ray.exceptions.GetTimeoutError:
                hangs = True
            if how != "died" and who == before:
                # The one that is being killed has the last word.
                who = ""
            if not who:
                self._closed.wait(_AWAY_S)
        took_s = self._clock.now() - start_s
        self._patience.seen(START, took_s)
        self._roster.came_back(hand, who)
        _LOG.warning("worker elsewhere %d is back after %.1f s (%s)", hand.place, took_s, who)
