"""What a check made happen, so that none can pass without having tried."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import msgspec

from chorus_policies.part_error import broken_part
from chorus_traces.errors import ChorusError, PolicyError

_Answer = TypeVar("_Answer")
_Question = ParamSpec("_Question")


class Exercise(msgspec.Struct, kw_only=True):
    """How often a check made each thing happen."""

    admissions: int = 0
    hits: int = 0
    evictions: int = 0
    removals: int = 0
    trims: int = 0

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


def ask(
    key: int,
    question: Callable[_Question, _Answer],
    *args: _Question.args,
    **kwargs: _Question.kwargs,
) -> _Answer:
    """Return a part's answer about ``key``; raise ``PolicyError`` for whatever the part raises."""
    try:
        return question(*args, **kwargs)
    except ChorusError:
        raise
    except Exception as error:
        part = type(getattr(question, "__self__", question)).__name__
        call = getattr(question, "__name__", "call")
        raise broken_part(part, call, key, error) from error
