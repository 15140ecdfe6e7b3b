"""Every error a user can cause, on one page.

A message is one line: where, what was got, what is needed, what to do. The command line prints it
and exits with code 2.
"""

import difflib
from collections.abc import Iterable


class ChorusError(Exception):
    """Bad input or a broken contract; the message is fit to be shown to the user as it is."""


class TraceError(ChorusError):
    """A trace, its embeddings or its field map cannot be used."""


class PolicyError(ChorusError):
    """A policy is unknown, is configured wrongly, or gave an answer that breaks its contract."""


class ScenarioError(ChorusError):
    """A scenario or a command-line value cannot be used."""


class ProfileError(ChorusError):
    """A stage-cost profile is unknown, damaged, or does not fit the requests."""


class EngineError(ChorusError):
    """An engine, simulated or real, cannot carry out what it was asked."""


def unknown(what: str, got: str, known: Iterable[str]) -> str:
    """Return "unknown WHAT 'GOT'; known: ... (did you mean 'X'?)"."""
    names = sorted(known)
    close = difflib.get_close_matches(got, names, n=1, cutoff=0.5)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown {what} {got!r}; known: {', '.join(names)}{hint}"
