"""``chorus-runtime replay``: a trace sent to a running server, and its log fetched."""

import sys
from pathlib import Path
from typing import Literal

import click

from chorus_traces.finite import Finite


@click.command()
@click.option("--trace", "path", required=True, metavar="FILE", help="What to send.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Of the server.")
@click.option(
    "--speed", type=Finite(), default=1.0, show_default=True, help="Of the instants: 2 is twice."
)
@click.option("--out", required=True, metavar="DIR", help="Folder to fill, new or empty.")
@click.option(
    "--loop",
    type=click.Choice(["open", "closed"]),
    default="open",
    show_default=True,
    help="open keeps the instants; closed lets a user's next request wait for their answer.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="First requests, sent like all and marked.",
)
@click.option(
    "--timeout", type=Finite(), default=600.0, show_default=True, metavar="S", help="For an answer."
)
@click.option(
    "--wait",
    type=Finite(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="For a server that still loads its model.",
)
@click.option("--new-ids", is_flag=True, help="Send a trace again to a server that knows its ids.")
@click.option("--key", metavar="API_KEY", help="An operator's, where the server has keys.")
@click.option(
    "--tenants-file",
    metavar="TOML",
    help="The server's keys: each request goes out under its tenant's.",
)
def replay(
    path: str,
    url: str,
    speed: float,
    out: str,
    loop: Literal["open", "closed"],
    warm_up: int,
    timeout: float,
    wait: float,
    key: str | None,
    tenants_file: str | None,
    *,
    new_ids: bool,
) -> None:
    """Send a trace to a server at its instants, and keep what both sides saw."""
    from chorus_runtime.replay.replay import Wish, replay
    from chorus_runtime.server.tenants import read_keys
    from chorus_traces.read import read_trace
    from chorus_traces.sample import sample_path

    keys, operators = ({}, ()) if tenants_file is None else read_keys(Path(tenants_file))
    wish = Wish(
        url=url,
        speed=speed,
        loop=loop,
        warm_up=warm_up,
        timeout_s=timeout,
        wait_s=wait,
        new_ids=new_ids,
        key=key or next(iter(operators), None),
        # Of several keys of a tenant the first one will do.
        tenant_keys={tenant: one for one, tenant in reversed(keys.items())},
    )
    sample = path.startswith("sample:")
    trace = read_trace(sample_path(path.removeprefix("sample:")) if sample else Path(path))
    shows = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shows:
            click.echo(f"\r{done:,} of {total:,} answered", nl=done == total, err=True)

    def waits() -> None:
        click.echo(f"waiting up to {wait:g} s for a server at {url}", err=True)

    done = replay(trace, wish, Path(out), progress, waits)
    statuses = ", ".join(f"{status}: {number:,}" for status, number in done["statuses"].items())
    late = done["late"]
    click.echo(f"{done['answered']:,} requests in {done['span_s']:.1f} s ({statuses})")
    click.echo(
        f"late    {late['requests']:,} sent over {1e3 * late['over_s']:.0f} ms after their "
        f"instant (worst {1e3 * late['worst_s']:.0f} ms)"
    )
    click.echo(f"written: {out}/", err=True)
