"""``chorus-runtime``: the verbs, and what happens to errors.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

import click

from chorus_runtime.cli.evidence import evidence
from chorus_runtime.cli.generate import generate
from chorus_runtime.cli.profile import profile
from chorus_runtime.cli.quality import quality
from chorus_runtime.cli.replay import replay
from chorus_runtime.cli.serve import serve
from chorus_runtime.cli.shapes_trace import shapes_trace
from chorus_runtime.cli.train_shapes import train_shapes
from chorus_traces.command_line import run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chorus-cache")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads torch may use.")
def chorus_runtime(threads: int | None) -> None:
    """Make clips with a latent cache that works across requests, and measure what they cost."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


for command in (evidence, generate, profile, quality, replay, serve, shapes_trace, train_shapes):
    chorus_runtime.add_command(command)


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    run_command(chorus_runtime, "chorus-runtime")
