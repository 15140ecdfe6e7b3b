"""``chorus-sim policies``: what ships, and what a policy consists of."""

import click


@click.command()
@click.option("--explain", metavar="NAME|TOML", help="Print one policy with all its numbers.")
def policies(explain: str | None) -> None:
    """List the policies, or explain one."""
    from rich.table import Table

    from chorus_policies.explain import explain_policy
    from chorus_policies.policy import load_policy, preset_names
    from chorus_sim.cli.console import wide_console

    if explain is not None:
        click.echo(explain_policy(load_policy(explain)), nl=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("policy", "fingerprint", "reuse", "admission", "eviction", "summary"):
        table.add_column(heading, no_wrap=heading != "summary")
    for name in preset_names():
        policy = load_policy(name)
        kinds = [policy.tables[part]["kind"] for part in ("reuse", "admission", "eviction")]
        table.add_row(name, policy.fingerprint, *kinds, policy.summary)
    wide_console().print(table)
