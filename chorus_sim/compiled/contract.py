# ruff: noqa: ARG001 - a part takes every argument of its contract
"""What the compiled loop asks of a reuse rule and of an eviction.

Each is a NamedTuple of arrays (its type says which algorithm it is) and a few plain functions,
registered here. numba picks the functions by the type when it compiles the loop, so an algorithm
is one file, and an algorithm that does not run costs nothing.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba.extending import overload

_F = TypeVar("_F", bound=Callable[..., Any])

_PARTS: dict[type, dict[str, Callable[..., Any]]] = {}


def _watches_nothing(
    eviction: Any,
    rule: Any,
    graph: Any,
    residents: Any,
    options: Any,
    place: Any,
    class_: Any,
    option: Any,
    donor: Any,
) -> None:
    pass


def _trims_nothing(eviction: Any, residents: Any, key: Any) -> bool:
    return False


def _never_told(eviction: Any, residents: Any, key: Any) -> None:
    pass


def _never_short(eviction: Any, short_bytes: Any) -> None:
    pass


#: What an eviction answers that neither watches nor trims nor asks how much room is to be made.
_SILENT: dict[str, Callable[..., Any]] = {
    "watched": _watches_nothing,
    "trims": _trims_nothing,
    "trimmed": _never_told,
    "short_of": _never_short,
}


def register(part: type, **functions: Callable[..., Any]) -> None:
    """Say which functions answer for arrays of type ``part``; argument names are those below."""
    _PARTS[part] = _SILENT | functions


def _answer(part: Any, question: str) -> Callable[..., Any]:
    return _PARTS[part.instance_class][question]


def _asked(question: Callable[..., Any]) -> Callable[[_F], _F]:
    """Let the decorated function choose who answers ``question``; see ``jit`` for ``_nrt``."""
    return cast("Callable[[_F], _F]", overload(question, jit_options={"_nrt": False}))


def plan(rule: Any, graph: Any, residents: Any, options: Any, place: Any, class_: Any) -> Any:
    """Return (option, donor, quanta) for the request ``place``; donor -1 where there is none."""
    raise NotImplementedError


@_asked(plan)
def _plan(rule: Any, graph: Any, residents: Any, options: Any, place: Any, class_: Any) -> Any:
    return _answer(rule, "plan")


def plan_for_one(
    rule: Any, residents: Any, options: Any, edge: Any, graph: Any, class_: Any
) -> Any:
    """Return the option for a single neighbour, that of ``edge``."""
    raise NotImplementedError


@_asked(plan_for_one)
def _plan_for_one(
    rule: Any, residents: Any, options: Any, edge: Any, graph: Any, class_: Any
) -> Any:
    return _answer(rule, "plan_for_one")


def watched(
    eviction: Any,
    rule: Any,
    graph: Any,
    residents: Any,
    options: Any,
    place: Any,
    class_: Any,
    option: Any,
    donor: Any,
) -> Any:
    """Learn that the request ``place`` was answered with ``option`` of ``donor``."""
    raise NotImplementedError


@_asked(watched)
def _watched(
    eviction: Any,
    rule: Any,
    graph: Any,
    residents: Any,
    options: Any,
    place: Any,
    class_: Any,
    option: Any,
    donor: Any,
) -> Any:
    return _answer(eviction, "watched")


def admitted(eviction: Any, residents: Any, key: Any) -> Any:
    """Learn that ``key`` is now resident."""
    raise NotImplementedError


@_asked(admitted)
def _admitted(eviction: Any, residents: Any, key: Any) -> Any:
    return _answer(eviction, "admitted")


def hit(eviction: Any, residents: Any, key: Any, kind: Any) -> Any:
    """Learn that a plan of ``kind`` reuses ``key``."""
    raise NotImplementedError


@_asked(hit)
def _hit(eviction: Any, residents: Any, key: Any, kind: Any) -> Any:
    return _answer(eviction, "hit")


def removed(eviction: Any, residents: Any, key: Any) -> Any:
    """Learn that ``key`` has left."""
    raise NotImplementedError


@_asked(removed)
def _removed(eviction: Any, residents: Any, key: Any) -> Any:
    return _answer(eviction, "removed")


def short_of(eviction: Any, short_bytes: Any) -> Any:
    """Learn, before each ``victim``, how many bytes must still leave."""
    raise NotImplementedError


@_asked(short_of)
def _short_of(eviction: Any, short_bytes: Any) -> Any:
    return _answer(eviction, "short_of")


def victim(eviction: Any, residents: Any) -> Any:
    """Return the entry to evict, never a pinned one; one that is not pinned is resident."""
    raise NotImplementedError


@_asked(victim)
def _victim(eviction: Any, residents: Any) -> Any:
    return _answer(eviction, "victim")


def trims(eviction: Any, residents: Any, key: Any) -> Any:
    """Tell whether only the step latents of the victim leave; it has some."""
    raise NotImplementedError


@_asked(trims)
def _trims(eviction: Any, residents: Any, key: Any) -> Any:
    return _answer(eviction, "trims")


def trimmed(eviction: Any, residents: Any, key: Any) -> Any:
    """Learn that ``key`` is resident without its step latents."""
    raise NotImplementedError


@_asked(trimmed)
def _trimmed(eviction: Any, residents: Any, key: Any) -> Any:
    return _answer(eviction, "trimmed")
