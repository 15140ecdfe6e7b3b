"""A number on the command line that is one: click's own range lets nan through."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A float option within its bounds, if it has any; nan and infinities are refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number. Raises ``click.BadParameter`` for anything else."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
