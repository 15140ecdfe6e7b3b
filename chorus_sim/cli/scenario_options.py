"""The flags that change a scenario: the same names on every verb that runs one."""

from collections.abc import Callable
from typing import Any

import click

#: Flag, field of the scenario, placeholder, help.
_FLAGS = {
    "--trace": (
        "trace.path",
        "FILE",
        (
            "Requests: .jsonl, .csv or .parquet; sample:NAME ships with the package; "
            "synth:studio-day or synth:SPEC.toml is generated from the seed."
        ),
    ),
    "--policy": ("policy", "NAME|TOML", "A preset or a file. [default: adaptive]"),
    "--profile": (
        "profile",
        "NAME|JSON",
        "Stage costs: a preset or a file; several with commas. [default: wan2.1-1.3b-h200]",
    ),
    "--quality": (
        "quality",
        "NAME|JSON",
        "Predict the quality of reuse by a measured curve: shapes, or a file. [default: none]",
    ),
    "--judged": (
        "judged",
        "SHARE",
        (
            "Reused results that somebody judges, by the curve of --quality: 0.1 is a tenth. A "
            "policy with an error budget learns from them. [default: 0]"
        ),
    ),
    "--gpus": (
        "fleet.gpus",
        "N",
        (
            "Workers, or auto: the fewest that keep the busiest hour at 80 % without a cache. "
            "[default: auto]"
        ),
    ),
    "--capacity": (
        "cache.capacity",
        "SIZE",
        "Of the cache: 64GiB, or 5% of what the whole trace would take. [default: 64GiB]",
    ),
    "--slo": (
        "slo.target",
        "TIME",
        "Response time to meet: 30s, 2min, or 2x the mean uncached service time. [default: 2x]",
    ),
    "--bounds": (
        "run.bounds",
        "none|basic|all",
        (
            "Reference runs beside the policy's: no cache and unbounded; all: clairvoyant and "
            "a proven upper bound too. "
            "[default: basic]"
        ),
    ),
    "--rate-scale": (
        "trace.rate_scale",
        "X",
        "X times as many users; sessions are never compressed. [default: 1]",
    ),
    "--what-if": (
        "trace.what_if",
        "KIND[=SHARE],...",
        (
            "Change the trace: shuffled, shuffled-sessions, shared-prompts=0.2 (sessions that ask "
            "what another user asked), private-prompts=0.2 (users nobody else is like)."
        ),
    ),
    "--preload": (
        "run.preload",
        "20%|FILE",
        "Fill the cache first: with the first part of the trace, or with another trace.",
    ),
    "--engine": (
        "run.engine",
        "simpy|compiled|auto",
        (
            "What carries out runs that keep no journal: compiled (the extra fast) is many times "
            "faster and equal; SimPy takes over what it does not know. [default: simpy]"
        ),
    ),
    "--seed": ("run.seed", "N", "Of everything random. [default: 0]"),
    "--embeddings": ("trace.embeddings", "NPY", "Vectors (requests, width) beside the trace."),
    "--map": (
        "trace.map",
        "OURS=THEIRS,...",
        "Names of the trace's fields: prompt=text,timestamp=created_at.",
    ),
}


def scenario_options(*left_out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the scenario's flags to a command, but those ``left_out``; it gets ``flags``."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        options = [
            click.option(flag, _parameter(flag), metavar=metavar, help=text)
            for flag, (_, metavar, text) in _FLAGS.items()
            if flag not in left_out
        ]
        options += [
            click.option("--scenario", metavar="TOML", help="A whole scenario; flags change it."),
            click.option(
                "--set",
                "changes",
                multiple=True,
                metavar="SECTION.KEY=VALUE",
                help="Any field of the scenario; may be repeated.",
            ),
        ]
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def scenario_changes(
    flags: dict[str, str | None],
    changes: tuple[str, ...],
    without_effect: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return dotted fields and values: flags first, --set after them.

    ``without_effect`` are fields that the command does not read, and why: they are refused.
    """
    fields = {_parameter(flag): field for flag, (field, _, _) in _FLAGS.items()}
    stated: dict[str, Any] = {
        fields[flag]: value for flag, value in flags.items() if value is not None
    }
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals or not field:
            raise click.UsageError(f"--set {change}: write --set section.key=value")
        stated[field.strip()] = value.strip()
    for field, why in (without_effect or {}).items():
        if field in stated:
            raise click.UsageError(f"--set {field}: has no effect here: {why}; leave it out")
    return stated


def _parameter(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_") + "_flag"
