"""What a check made happen, so that none can pass without having tried."""

import msgspec

from chorus_traces.errors import PolicyError


class Exercise(msgspec.Struct, kw_only=True):
    """How often a check made each thing happen."""

    admissions: int = 0
    hits: int = 0
    evictions: int = 0
    removals: int = 0

    def require(self, least: int, *names: str) -> None:
        """Raise ``PolicyError`` if one of the named things happened fewer than ``least`` times."""
        for name in names:
            need(
                getattr(self, name) >= least,
                f"check: only {getattr(self, name)} {name}; {least} are needed to prove anything",
            )


def need(kept: bool, message: str) -> None:
    """Raise ``PolicyError`` with ``message`` if a promise was not kept."""
    if not kept:
        raise PolicyError(message)
