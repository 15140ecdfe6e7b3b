"""What becomes of an exception that a part raises: one line that names policy, call and key."""

from chorus_traces.errors import PolicyError


def broken_part(policy: str, call: str, key: int, error: Exception) -> PolicyError:
    """Return the error to raise in place of ``error``, which a part raised when asked ``call``.

    ``key`` is the entry or request it was asked about; -1 where the question names none.
    """
    about = f" {key}" if key >= 0 else ""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return PolicyError(f"{policy}: {call}{about}: the part raised {reason}; it must answer")
