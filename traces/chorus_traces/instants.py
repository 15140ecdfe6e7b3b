"""Instants: from timestamps of several notations to seconds."""

from datetime import UTC, datetime

from chorus_traces.errors import TraceError
from chorus_traces.values import real, shown

#: A first number from here on counts milliseconds since 1970 (as seconds it lies past the year
#: 5100); one from ``_TOO_LARGE`` on counts something finer and is refused.
MILLISECONDS_FROM = 1e11
_TOO_LARGE = 1e14


class Timestamps:
    """Reads the timestamps of one file; the first one fixes the notation of all.

    The notations are ISO 8601 (``2024-11-15T16:57:50Z``; without an offset it is UTC), epoch
    seconds, and epoch milliseconds; numbers may be written as text. Seconds and milliseconds are
    told apart once, by the magnitude of the first, so that no file changes its unit midway.
    """

    def __init__(self) -> None:
        self._notation: str | None = None

    def seconds(self, value: object) -> float:
        """Return seconds since 1970. Raises ``TraceError`` without a place."""
        if isinstance(value, datetime):
            self._expect("ISO 8601", value)
            return _seconds(value)
        if isinstance(value, str):
            try:
                number = real("timestamp", value)
            except TraceError:
                return self._iso(value)
        else:
            number = real("timestamp", value)
        if abs(number) >= _TOO_LARGE:
            raise TraceError(
                f"timestamp is {shown(value)}; ISO 8601, epoch seconds or epoch milliseconds "
                "are needed"
            )
        if self._notation is None:
            milli = abs(number) >= MILLISECONDS_FROM
            self._notation = "epoch milliseconds" if milli else "epoch seconds"
        elif self._notation == "ISO 8601":
            self._expect("a number", value)
        return number / 1000 if self._notation == "epoch milliseconds" else number

    def _iso(self, written: str) -> float:
        try:
            moment = datetime.fromisoformat(written.strip())
        except ValueError:
            raise TraceError(
                f"timestamp is {shown(written)}; ISO 8601 (2024-11-15T16:57:50Z), epoch seconds or "
                "epoch milliseconds are needed"
            ) from None
        self._expect("ISO 8601", written)
        return _seconds(moment)

    def _expect(self, notation: str, value: object) -> None:
        self._notation = self._notation or notation
        if self._notation != notation:
            raise TraceError(
                f"timestamp {shown(value)} is {notation}, but the file began with "
                f"{self._notation}; one notation is needed"
            )


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
