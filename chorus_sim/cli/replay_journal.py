"""``chorus-sim replay-journal``: the live run's decisions, made again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chorus_policies.journal import JournalRow


@click.command("replay-journal")
@click.argument("folder", metavar="DIR")
@click.option("--policy", metavar="NAME|TOML", help="Of the replay. [default: the run's own]")
def replay_journal(folder: str, policy: str | None) -> int:
    """Make the calls of a live run again; exit 1 where the journal differs in a single bit."""
    from chorus_sim.live.replay_journal import replay_journal as replay

    done = replay(Path(folder), policy)
    click.echo(f"{done.calls:,} calls made again, {done.rows:,} rows equal bit for bit")
    if done.drivers_rows:
        click.echo(f"{done.drivers_rows:,} rows are the server's own and are passed over")
    if done.torn:
        click.echo(f"torn end: {done.torn}")
    found = done.difference
    if found is None:
        return 0
    click.echo(f"first difference: row {found.row} (call {found.call})")
    click.echo(f"  logged    {_shown(found.logged)}")
    click.echo(f"  replayed  {_shown(found.replayed)}")
    if found.error:
        click.echo(f"  {found.error}")
    return 1


def _shown(row: "JournalRow | None") -> str:
    if row is None:
        return "no row"
    return ", ".join(f"{name}={getattr(row, name)!r}" for name in row.__struct_fields__)
