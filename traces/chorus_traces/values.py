"""Single values: from what a file holds to what a request holds.

Every function raises ``TraceError`` that names the field, without a place; the caller adds it.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_traces.errors import TraceError

#: Longest text that is still taken for a prompt, in characters.
MAX_TEXT_CHARS = 100_000


def whole(field: str, value: object) -> int:
    """Return a whole number of at most 64 bits; integral floats and numeric text are accepted."""
    number: float | int | None = None
    if isinstance(value, str):
        try:
            number = int(value) if "_" not in value else None
        except ValueError:
            number = _float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    if number is None or not math.isfinite(number) or number != int(number):
        raise TraceError(f"{field} is {shown(value)}; a whole number is needed")
    if not -(2**63) <= number < 2**64:
        raise TraceError(f"{field} is {shown(value)}; a whole number of at most 64 bits is needed")
    return int(number)


def real(field: str, value: object) -> float:
    """Return a finite number; numeric text is accepted."""
    number: float | None = None
    if isinstance(value, str):
        number = _float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if number is None or not math.isfinite(number):
        raise TraceError(f"{field} is {shown(value)}; a finite number is needed")
    return number


def text(field: str, value: object) -> str:
    """Return text of at most ``MAX_TEXT_CHARS`` characters."""
    if not isinstance(value, str):
        raise TraceError(f"{field} is {shown(value)}; text is needed (put it in quotes)")
    if len(value) > MAX_TEXT_CHARS:
        raise TraceError(
            f"{field} has {len(value)} characters; at most {MAX_TEXT_CHARS} are allowed "
            "(shorten it or remove the request)"
        )
    return value


def label(field: str, value: object) -> str:
    """Return a name; whole numbers are turned to text (``12`` and ``12.0`` give ``'12'``)."""
    if isinstance(value, int | float):
        value = str(whole(field, value))
    return text(field, value)


def identity(field: str, value: object) -> str:
    """Return a name that is not empty."""
    name = label(field, value)
    if not name:
        raise TraceError(f"{field} is empty; a name is needed (fill it in or leave the field out)")
    return name


def vector(field: str, value: object) -> npt.NDArray[np.float32]:
    """Return a list of finite numbers as shape ``(width,)``; CSV cells hold it as JSON."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            value = None
    if not (isinstance(value, list) and value and all(type(x) in (int, float) for x in value)):
        raise TraceError(f"{field} is not a list of numbers; [0.1, 0.2, ...] is needed")
    for place, number in enumerate(value):
        real(f"{field}[{place}]", number)
    return np.asarray(value, np.float32)


def plain(field: str, value: Any) -> Any:
    """Return a value of an unknown field as JSON can hold it; dates and bytes become text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return real(field, value)
    if isinstance(value, list | tuple):
        return [plain(field, each) for each in value]
    if isinstance(value, dict):
        return {str(name): plain(f"{field}.{name}", each) for name, each in value.items()}
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        raise TraceError(
            f"{field} is of type {type(value).__name__}; a value JSON can hold is needed"
        ) from None


def shown(value: object) -> str:
    """Return the value as an error message shows it: short, on one line."""
    written = repr(value)
    return written if len(written) <= 40 else written[:37] + "..."


def _float(written: str) -> float | None:
    try:
        return float(written) if "_" not in written else None
    except ValueError:
        return None
