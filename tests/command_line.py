"""Run ``chorus-sim`` in this process, as the shell would."""

import sys
from dataclasses import dataclass

import pytest

from chorus_sim.cli.main import main


@dataclass
class Answer:
    code: int
    out: str
    err: str


def chorus_sim(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> Answer:
    monkeypatch.setattr(sys, "argv", ["chorus-sim", *map(str, words)])
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capfd.readouterr()
    return Answer(int(stop.value.code or 0), captured.out, captured.err)
