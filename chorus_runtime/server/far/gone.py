"""What is raised where a hand goes while somebody waits for it."""

from chorus_traces.errors import ChorusError


class HandGoneError(Exception):
    """The hand that was waited for died or hung; another one may do the same work."""

    def __init__(self, *, hung: bool) -> None:
        super().__init__()
        self.hung = hung


class HandsLostError(ChorusError):
    """The work took several hands with it, or there are none; nobody begins it again.

    Not an ``EngineError``: computing afresh instead of reusing would take more hands.
    """


#: Times a piece of work is given to another hand after its own one died, and after it hung.
_DEATHS, _HANGS = 3, 2


class Tries:
    """Counts the hands a piece of work took with it. ``hands`` is how many there are."""

    def __init__(self, hands: int) -> None:
        self.died = 0
        self.hung = 0
        self._stale = 0
        self._hands = hands

    @property
    def lost(self) -> int:
        """Hands that went while they did the work."""
        return self.died + self.hung

    def again(self, gone: HandGoneError, *, began: bool) -> None:
        """Count a hand. Raises ``HandsLostError`` where the work is not begun again.

        Hands that had not ``began`` were dead before, all of one machine perhaps: not its doing.
        """
        if gone.hung:
            self.hung += 1
        elif began:
            self.died += 1
        else:
            self._stale += 1
        if self.hung >= _HANGS:
            raise HandsLostError(
                f"{self.hung} workers elsewhere fell silent in turn with this request; nothing "
                "was made"
            )
        if self.died >= _DEATHS or self._stale > self._hands + _DEATHS:
            raise HandsLostError(
                f"{self.lost + self._stale} workers elsewhere died with this request; nothing "
                "was made"
            )
