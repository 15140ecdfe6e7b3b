"""``chorus-sim perfetto``: a window of a run as a timeline for a trace viewer."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chorus_reports.perfetto import Window


@click.command()
@click.argument("folder", metavar="RUN_DIR")
@click.option(
    "--window", required=True, metavar="FROM..TO", help="Of the run: 3600s..3900s, 1h..65min."
)
@click.option("--out", required=True, metavar="FILE", help="trace.json, or trace.json.gz.")
def perfetto(folder: str, window: str, out: str) -> None:
    """Write a window of a run as a Chrome trace: open it in ui.perfetto.dev."""
    from chorus_reports.perfetto import write_perfetto

    requests = write_perfetto(Path(folder), _window(window), Path(out))
    click.echo(f"{requests} requests: {out} (open it in ui.perfetto.dev)")


def _window(text: str) -> "Window":
    from chorus_reports.perfetto import Window
    from chorus_sim.quantities import slo_seconds

    first, dots, last = text.partition("..")
    if not dots or "x" in text:
        raise click.UsageError(f"--window {text!r}: write two times, such as 1h..65min")
    try:
        begin = 0.0 if first.strip() in ("0", "0s") else slo_seconds(first, mean_service_s=1.0)
        window = Window(begin_s=begin, end_s=slo_seconds(last, mean_service_s=1.0))
    except ValueError as error:
        raise click.UsageError(f"--window {text!r}: {error}") from error
    if window.end_s <= window.begin_s:
        raise click.UsageError(f"--window {text!r}: the end is not after the begin; swap them")
    return window
