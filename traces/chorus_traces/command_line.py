"""What every command line of the project does with errors: one line on stderr, exit code 2."""

import os
import sys

import click

from chorus_traces.errors import ChorusError

#: Which extra brings a package that the base install leaves out.
_EXTRA_OF = {
    "PIL": "runtime",
    "accelerate": "runtime",
    "av": "runtime",
    "diffusers": "runtime",
    "fastapi": "serve",
    "filelock": "serve",
    "fsspec": "serve",
    "httpx": "serve",
    "numba": "fast",
    "optuna": "tune",
    "prometheus_client": "serve",
    "ray": "ray",
    "redis": "serve",
    "safetensors": "runtime",
    "sentence_transformers": "embed",
    "torch": "runtime",
    "torchmetrics": "perceptual",
    "torchvision": "perceptual",
    "transformers": "runtime",
    "uvicorn": "serve",
}


def run_command(command: click.Command, name: str) -> None:
    """Run ``command`` and exit: 0, 2 for bad input, 130 when interrupted, 141 for a closed pipe."""
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        sys.exit(_refuse(name, error.format_message()))
    except ChorusError as error:
        sys.exit(_refuse(name, str(error)))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        extra = _EXTRA_OF[package]
        needed = f"this needs the package {package}; pip install 'chorus-cache[{extra}]'"
        sys.exit(_refuse(name, needed))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(_refuse(name, f"{error.filename}: {error.strerror}; name another path"))
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(name: str, message: str) -> int:
    click.echo(f"{name}: " + " ".join(message.split()), err=True)
    return 2
