"""Quantities of a validation: small errors are to be seen."""

from chorus_reports.quantities import share


def seconds(value: float) -> str:
    """Return a duration with three digits that count: errors of a percent are to be seen."""
    size = abs(value)
    if size == 0:
        return "0 s"
    return f"{value * 1e3:.3g} ms" if size < 0.9995 else f"{value:.4g} s"


def share_of(value: float | None) -> str:
    """Return a percentage, "-" where there is none."""
    return "-" if value is None else share(value)


def signed(value: float | None) -> str:
    """Return a percentage with its sign, "-" where there is none."""
    if value is None:
        return "-"
    return f"+{share(value)}" if value > 0 else share(value)
