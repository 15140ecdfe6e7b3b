"""``chorus-sim``: the verbs, and what happens to errors.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

import os
import sys

import click

from chorus_sim.cli.compare import compare
from chorus_sim.cli.policies import policies
from chorus_sim.cli.profiles import profiles
from chorus_sim.cli.run import run
from chorus_sim.cli.trace import trace
from chorus_traces.errors import ChorusError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chorus-cache")
def chorus_sim() -> None:
    """Tell what a latent cache would do for your traffic, simulated from a trace of prompts."""


for command in (run, compare, trace, policies, profiles):
    chorus_sim.add_command(command)


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        code = chorus_sim.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        sys.exit(_refuse(error.format_message()))
    except ChorusError as error:
        sys.exit(_refuse(str(error)))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(message: str) -> int:
    click.echo("chorus-sim: " + " ".join(message.split()), err=True)
    return 2
