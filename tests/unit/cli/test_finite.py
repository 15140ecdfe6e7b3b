import click
import pytest

from chorus_runtime.cli.main import chorus_runtime
from chorus_sim.cli.main import chorus_sim
from chorus_traces.finite import Finite


def floats_of(command, path):
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from floats_of(one, f"{path} {name}")
    for param in command.params:
        if isinstance(param.type, click.types.FloatParamType):
            yield f"{path} {param.opts[0]}", param


def test_no_float_option_takes_nan_or_infinity():
    found = [*floats_of(chorus_runtime, "chorus-runtime"), *floats_of(chorus_sim, "chorus-sim")]
    assert len(found) > 10
    for name, option in found:
        assert isinstance(option.type, Finite), name
        for text in ("nan", "inf", "-inf"):
            with pytest.raises(click.BadParameter, match=r"not a finite number|not in the range"):
                option.type.convert(text, option, None)


def test_a_finite_number_within_its_bounds_is_taken():
    assert Finite(min=1).convert("2.5", None, None) == 2.5
    with pytest.raises(click.BadParameter, match="not in the range"):
        Finite(min=1).convert("0", None, None)
    with pytest.raises(click.BadParameter, match="not a valid float"):
        Finite().convert("x", None, None)
