"""How the hands of a server are, as metrics and ``/readyz`` tell it."""

import msgspec


class HandsHealth(msgspec.Struct, frozen=True, kw_only=True):
    """``here`` of all hands answer; ``died`` and ``hung`` count those that were started anew.

    ``silent_s`` are the seconds since each was heard of, 0 for one that is away; ``busy`` are the
    places of those at work.
    """

    here: int
    busy: tuple[int, ...]
    died: int
    hung: int
    silent_s: tuple[float, ...]

    @property
    def away(self) -> int:
        """How many hands do not answer now."""
        return len(self.silent_s) - self.here

    @property
    def trouble(self) -> str:
        """Why none would serve a request now, empty where one would."""
        return "" if self.here else f"none of {self.away} workers elsewhere answers"
