"""Quantities as a report prints them; the unit always stands beside the number."""


def share(value: float) -> str:
    """Return a percentage with one decimal; 0 and 100 are printed only where they are exact."""
    if value in (0, 1):
        return f"{value * 100:.0f} %"
    if 0 < value < 0.0005:
        return "<0.1 %"
    if -0.0005 < value < 0:
        return "> -0.1 %"
    if 0.9995 <= value < 1:
        return ">99.9 %"
    return f"{value:.1%}".replace("%", " %")


def seconds(value: float) -> str:
    """Return a duration in the unit that leaves a number a person can hold."""
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 0.0995:
        return f"{value * 1e3:.3g} ms"
    if size < 600:
        return f"{value:.1f} s"
    return f"{value / 60:,.1f} min" if size < 10_800 else f"{value / 3600:,.1f} h"


def mean_seconds(mean: float, half: float | None) -> str:
    """Return a mean duration with half of its interval in the same unit, where that is known."""
    if half is None:
        return seconds(mean)
    for least, unit, name in ((10_800.0, 3600.0, "h"), (600.0, 60.0, "min"), (0.0995, 1.0, "s")):
        if mean >= least:
            return f"{mean / unit:,.1f} ± {half / unit:,.1f} {name}"
    return f"{mean * 1e3:.3g} ± {half * 1e3:.3g} ms" if mean else "0 s"


def gpu_hours(value_s: float) -> str:
    """Return GPU-seconds as GPU-hours, or as they are where they are few."""
    if abs(value_s) < 360:
        return seconds(value_s) if value_s else "0 h"
    return f"{value_s / 3600:,.1f} h" if abs(value_s) >= 36_000 else f"{value_s / 3600:.3f} h"


def dollars(value: float) -> str:
    """Return dollars, with four decimals below ten."""
    return f"${value:,.2f}" if abs(value) >= 10 else f"${value:.4f}"


def times(value: float | None) -> str:
    """Return a factor."""
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 100 else f"{value:,.0f}x"


def size(value: float | None) -> str:
    """Return bytes in binary units; ``None`` is a cache without a limit."""
    if value is None:
        return "no limit"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:,.4g} TiB"


def count(value: float) -> str:
    """Return a whole number."""
    return f"{value:,.0f}"


def counted(value: float, one: str, many: str = "") -> str:
    """Return a whole number with its noun: "1 request", "2 requests"."""
    return f"{value:,.0f} {one if round(value) == 1 else many or one + 's'}"
