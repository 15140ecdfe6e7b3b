"""A package that the base install leaves out is named with the extra that brings it."""

import sys

import click
import pytest

from chorus_traces.command_line import run_command


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


def test_a_module_of_our_own_that_is_missing_is_a_defect_and_shows_itself(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["try"])
    with pytest.raises(ModuleNotFoundError):
        run_command(command_that_imports("chorus_traces.nowhere"), "try")
