"""``chorus-sim report``: the report of a folder, written again from its data."""

import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
def report(folder: str, show: bool) -> None:
    """Write report.html, report.md and figures/ of what another verb left in DIR."""
    from chorus_reports.folder_kind import kind_of_folder, report_of_kind

    path = Path(folder)
    kind = kind_of_folder(path)
    report_of_kind(kind)(path)
    page = path / "report.html"
    click.echo(f"{kind} report: {page}")
    if show and not webbrowser.open(page.resolve().as_uri()):
        click.echo(f"no browser can be started here; open {page} yourself", err=True)
