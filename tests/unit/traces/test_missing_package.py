"""A package that the base install leaves out is named with the extra that brings it."""

import re
import sys
import tomllib
from pathlib import Path

import click
import pytest

from chorus_traces import command_line
from chorus_traces.command_line import run_command

ROOT = Path(__file__).parents[3]


def command_that_imports(name: str) -> click.Command:
    return click.Command("try", callback=lambda: __import__(name))


@pytest.mark.parametrize(
    ("package", "extra"), [("torch", "runtime"), ("fastapi", "serve"), ("optuna", "tune")]
)
def test_a_missing_extra_is_one_line(monkeypatch, capsys, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(sys, "argv", ["try"])
    with pytest.raises(SystemExit) as stop:
        run_command(command_that_imports(package), "try")
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said == f"try: this needs the package {package}; pip install 'chorus-cache[{extra}]'\n"


def test_every_extra_that_is_named_brings_its_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brings = {
        extra: {re.split(r"[^A-Za-z0-9-]", line)[0] for line in lines}
        for extra, lines in project["optional-dependencies"].items()
    }
    released_as = {"PIL": "pillow"}
    for package, extra in command_line._EXTRA_OF.items():
        assert released_as.get(package, package.replace("_", "-")) in brings[extra], package


def test_a_module_of_our_own_that_is_missing_is_a_defect_and_shows_itself(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["try"])
    with pytest.raises(ModuleNotFoundError):
        run_command(command_that_imports("chorus_traces.nowhere"), "try")
