"""``chorus-sim``: the verbs, and what happens to errors.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

import click

from chorus_sim.cli.calibrate import calibrate
from chorus_sim.cli.compare import compare
from chorus_sim.cli.perfetto import perfetto
from chorus_sim.cli.plan import plan
from chorus_sim.cli.policies import policies
from chorus_sim.cli.profiles import profiles
from chorus_sim.cli.replay_journal import replay_journal
from chorus_sim.cli.report import report
from chorus_sim.cli.run import run
from chorus_sim.cli.sweep import sweep
from chorus_sim.cli.trace import trace
from chorus_sim.cli.tune import tune
from chorus_sim.cli.validate import validate
from chorus_traces.command_line import run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chorus-cache")
def chorus_sim() -> None:
    """Tell what a latent cache would do for your traffic, simulated from a trace of prompts."""


for command in (run, compare, sweep, plan, tune, report, perfetto, trace, policies, profiles):
    chorus_sim.add_command(command)
for command in (replay_journal, calibrate, validate):
    chorus_sim.add_command(command)


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    run_command(chorus_sim, "chorus-sim")
