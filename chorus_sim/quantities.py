"""Quantities as people write them: sizes, times, shares."""

import math

from chorus_policies.entry import parse_bytes


def capacity_bytes(text: str, *, footprint_bytes: int) -> int:
    """Return the bytes of "64GiB", or of "5%" of ``footprint_bytes``. Raises ``ValueError``."""
    if text.strip().endswith("%"):
        share = _number(text.strip().removesuffix("%"), text)
        if not 0 < share <= 100:
            raise ValueError(f"capacity is {text!r}; a share above 0 % and up to 100 % is needed")
        return max(1, round(footprint_bytes * share / 100))
    return parse_bytes(text)


def slo_seconds(text: str, *, mean_service_s: float) -> float:
    """Return the seconds of "30s", "2min", "500ms", "1h" or "2x" of the mean service time."""
    compact = text.strip().replace(" ", "")
    units = {"ms": 1e-3, "min": 60.0, "s": 1.0, "h": 3600.0, "x": mean_service_s}
    for unit, factor in units.items():
        if compact.endswith(unit):
            number = _number(compact.removesuffix(unit), text)
            if number <= 0:
                break
            return number * factor
    raise ValueError(
        f"target is {text!r}; a time like 30s or 2min, or a multiple like 2x is needed"
    )


def parse_warm_up(text: str) -> tuple[str, float]:
    """Return the method (``none``, ``mser5``, ``count``, ``share``) and its number."""
    compact = text.strip()
    if compact in ("none", "mser5"):
        return compact, 0.0
    if compact.endswith("%"):
        share = _number(compact.removesuffix("%"), text) / 100
        if 0 <= share < 1:
            return "share", share
    elif compact.isdigit():
        return "count", float(compact)
    raise ValueError(f"warm_up is {text!r}; none, mser5, a count like 500 or a share like 20%")


def parse_preload(text: str) -> float | str:
    """Return the share of "20%", or the path of another trace; 0 where ``text`` is empty."""
    compact = text.strip()
    if not compact:
        return 0.0
    if not compact.endswith("%"):
        return compact
    share = _number(compact.removesuffix("%"), text) / 100
    if not 0 < share < 1:
        raise ValueError(f"preload is {text!r}; a share like 20%, or a trace, is needed")
    return share


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{whole!r} has no number before its unit") from None
    if not math.isfinite(number):
        raise ValueError(f"{whole!r} is not finite")
    return number
