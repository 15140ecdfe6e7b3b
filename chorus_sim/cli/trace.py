"""``chorus-sim trace``: look at traces and make them."""

import click


@click.group()
def trace() -> None:
    """Describe, synthesise and embed traces."""
