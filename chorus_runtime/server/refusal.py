"""What a client is told instead of an answer: a status and one line."""

import math
from typing import Any

from chorus_traces.errors import ChorusError


class Refusal(ChorusError):  # noqa: N818 - a client reads it as an answer
    """A request that gets no answer; ``code`` names the reason for programs.

    ``retry_after_s`` says when to ask again, ``None`` where asking again does not help.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(" ".join(message.split()))
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> str:
        """The class of the error, as OpenAI's clients know it."""
        if self.status == 401:
            return "authentication_error"
        if self.status == 403:
            return "permission_error"
        if self.status == 429:
            return "rate_limit_error"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"error": {"message": str(self), "type": self.kind, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def bad(message: str, code: str = "invalid_value") -> Refusal:
    """Return the refusal of a request that is wrong in itself."""
    return Refusal(400, code, message)


def not_found(name: str) -> Refusal:
    """Return the refusal of a video that is not there, or is somebody else's."""
    return Refusal(404, "not_found", f"there is no video {name[:80]!r}")
