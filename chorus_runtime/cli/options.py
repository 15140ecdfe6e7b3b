"""Options that several verbs share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def model_option(help_: str) -> Callable[[F], F]:
    """Return --model; ``help_`` lists the models the verb takes."""
    return click.option(
        "--model", default="shapes", show_default=True, metavar="NAME|DIR", help=help_
    )


def weights_option(command: F) -> F:
    """Add --weights."""
    return click.option(
        "--weights", metavar="DIR", help="Released shapes weights. [default: the package's]"
    )(command)


def policy_option(command: F) -> F:
    """Add --policy."""
    return click.option(
        "--policy",
        default="adaptive",
        show_default=True,
        metavar="NAME|TOML",
        help="What to reuse, keep and evict.",
    )(command)


def embedder_option(help_: str) -> Callable[[F], F]:
    """Return --embedder; ``help_`` says what is compared."""
    return click.option(
        "--embedder",
        type=click.Choice(["minilm", "hashed-words"]),
        default="minilm",
        show_default=True,
        help=help_,
    )


def device_option(command: F) -> F:
    """Add --device."""
    return click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")(
        command
    )
