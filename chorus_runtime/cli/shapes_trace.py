"""``chorus-runtime shapes-trace``: a trace's sharing, told in captions of the shapes world."""

from pathlib import Path

import click

from chorus_runtime.cli.options import embedder_option


@click.command("shapes-trace")
@click.option("--trace", "path", required=True, metavar="FILE", help="Real prompts.")
@click.option("--out", required=True, metavar="FILE", help="New trace, embeddings beside it.")
@click.option("--embeddings", metavar="NPY", help="Vectors (requests, width) of the real prompts.")
@click.option(
    "--policy",
    default="chorus",
    show_default=True,
    metavar="NAME|TOML",
    help="Compares what the two traces reuse.",
)
@click.option("--steps", type=click.IntRange(min=1), default=4, show_default=True, metavar="N")
@embedder_option("Of the captions; policies are made for minilm.")
def shapes_trace(
    path: str, out: str, embeddings: str | None, policy: str, steps: int, embedder: str
) -> None:
    """Write captions that share what a trace's prompts share, and say how much reuse is kept."""
    from chorus_policies.plan import PLAN_KINDS
    from chorus_policies.policy import load_policy
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.shapes.from_trace import shapes_trace as mapped_trace
    from chorus_runtime.shapes.reuse_kept import reuse_kept
    from chorus_traces.embedding import embed_trace
    from chorus_traces.read import read_trace
    from chorus_traces.write import write_trace

    loaded = load_policy(policy)
    trace = read_trace(Path(path), embeddings=Path(embeddings) if embeddings else None)
    if trace.embeddings is None:
        trace = embed_trace(trace)
    mapped = mapped_trace(trace, MiniLm() if embedder == "minilm" else HashedWords())
    write_trace(mapped, Path(out))
    kept = reuse_kept(trace, mapped, loaded, steps)
    click.echo(f"reuse under {loaded.name}, each result findable at once, no limit of bytes")
    click.echo(f"{'':10}{'real':>8}{'shapes':>8}")
    for kind in PLAN_KINDS:
        click.echo(f"{kind:10}{kept.before[kind]:>8,}{kept.after[kind]:>8,}")
    click.echo(f"{kept.same:.1%} of requests keep their kind")
    click.echo(f"written: {out} ({len(mapped):,} requests)", err=True)
