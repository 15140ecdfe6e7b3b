"""A run that its policy brought to a stop, with what was served until then."""

from chorus_sim.served import Service
from chorus_traces.errors import PolicyError


class StoppedError(PolicyError):
    """A policy broke its contract; ``services`` are the requests served before."""

    def __init__(self, message: str, services: list[Service]) -> None:
        super().__init__(message)
        self.services = services
