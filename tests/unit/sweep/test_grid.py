import msgspec
import pytest

from chorus_sim.cli.scenario_options import _FLAGS
from chorus_sim.scenario import Scenario
from chorus_sim.sweep.fields import WITHOUT_EFFECT, field_of, flattened
from chorus_sim.sweep.grid import parse_grid
from chorus_sim.sweep.point import points_of
from chorus_traces.errors import ChorusError


def values(text: str) -> list[tuple[str, ...]]:
    return [axis.values for axis in parse_grid(text)]


def test_every_flag_of_run_is_a_short_name():
    assert len(_FLAGS) > 10
    for flag, (field, _, _) in _FLAGS.items():
        if field not in WITHOUT_EFFECT:
            assert field_of(flag.removeprefix("--")) == field


def test_the_last_word_of_a_field_names_it():
    leaves = flattened(msgspec.to_builtins(Scenario()))
    short = [field.rpartition(".")[2] for field in leaves]
    assert len(set(short)) == len(short)
    assert field_of("warm_up") == field_of("warm-up") == "run.warm_up"


def test_sizes_and_gpus_are_spread_by_equal_ratios():
    assert values("capacity=1GiB..1TiB:3") == [("1GiB", "32GiB", "1024GiB")]
    assert values("gpus=4..64:5") == [("4", "8", "16", "32", "64")]
    assert values("capacity=1%..100%:3") == [("1%", "10%", "100%")]
    assert values("slo=10s..40s:3") == [("10s", "20s", "40s")]
    assert values("slo=1min..4min:3") == [("60s", "120s", "240s")]
    assert values("rate_scale=1..4:3") == [("1", "2", "4")]


def test_seeds_and_ranges_from_zero_are_spread_by_equal_steps():
    assert values("seed=0..4:5") == [("0", "1", "2", "3", "4")]
    assert values("seed=2..10:5") == [("2", "4", "6", "8", "10")]
    assert values("prices.gpu_hour_usd=0..4:3") == [("0", "2", "4")]
    assert values("gpus=4..64:3:linear") == [("4", "34", "64")]
    assert values("seed=1..100:3:geometric") == [("1", "10", "100")]


def test_the_ends_of_a_range_are_exact():
    (sizes,) = values("capacity=3GiB..7GiB:6")
    assert (sizes[0], sizes[-1]) == ("3GiB", "7GiB")
    assert len(sizes) == 6


def test_lists_ranges_and_semicolons_mix():
    assert values("gpus=2,4..8:2,100") == [("2", "4", "8", "100")]
    assert values("profile=a,b;c") == [("a,b", "c")]
    assert values("policy=../mine.toml,lru") == [("../mine.toml", "lru")]


def test_points_are_typed_scenarios_in_grid_order():
    axes = parse_grid("policy=lru,fifo gpus=4,8")
    points = points_of(None, {"trace.path": "x.jsonl"}, axes)
    assert [point.values for point in points] == [
        ("lru", 4),
        ("lru", 8),
        ("fifo", 4),
        ("fifo", 8),
    ]
    assert [point.scenario.fleet.gpus for point in points] == [4, 8, 4, 8]
    assert all(point.scenario.run.bounds == "none" for point in points)


def test_free_tables_and_every_leaf_of_the_scenario_can_be_swept():
    axes = parse_grid(
        "prices.gib_hour_usd.host=0.001,0.01 deployment.tenants=separate,shared "
        "run.warm_up=none,10% cache.tier=host"
    )
    points = points_of(None, {}, axes)
    assert len(points) == 8
    assert points[0].scenario.prices.gib_hour_usd["host"] == 0.001
    assert points[-1].scenario.deployment.tenants == "shared"


@pytest.mark.parametrize(
    ("grid", "needed"),
    [
        ("", ("empty",)),
        ("gpus", ("FIELD=VALUES",)),
        ("gpus=", ("a value is missing",)),
        ("gpus=4,,8", ("a value is missing",)),
        ("capcity=1GiB", ("unknown field 'capcity'", "did you mean 'capacity'")),
        ("fleet.gpu=4", ("unknown field 'fleet.gpu'", "did you mean 'fleet.gpus'")),
        ("gpus=64..4:6", ("4", "is not below", "turn them round")),
        ("gpus=4..4:2", ("is not below",)),
        ("gpus=4..64:0", ("0 points", "2 to 100,000")),
        ("gpus=4..64:1", ("1 points",)),
        ("gpus=4..64", ("LOW..HIGH:POINTS",)),
        ("gpus=4..64:six", ("LOW..HIGH:POINTS",)),
        ("gpus=1..4:9", ("only 4 different values among 9",)),
        ("gpus=a..b:3", ("'a' is not a quantity",)),
        ("gpus=0..4:3:geometric", ("cannot start at 0",)),
        ("capacity=1GiB..50%:3", ("different kinds",)),
        ("capacity=1GiB..10:3", ("different kinds",)),
        ("gpus=4,4", ("4 and 4 are the same",)),
        ("capacity=1GiB,1024MiB", ("1GiB and 1024MiB are the same",)),
        ("gpus=4 fleet.gpus=8", ("fleet.gpus is named twice",)),
        ("seed=1..2000:2000 gpus=1..200:200:linear", ("400,000 points", "2000 x 200")),
        ("gpus=1..5000000:4000000", ("4000000 points",)),
        ("run.bounds=all", ("has no effect",)),
        ("run.replications=3", ("seed=0..4:5",)),
        ("policy='lru", ("No closing quotation",)),
    ],
)
def test_a_grid_that_cannot_be_read_is_one_line(grid, needed):
    with pytest.raises(ChorusError) as refused:
        parse_grid(grid)
    message = str(refused.value)
    assert "\n" not in message
    assert all(part in message for part in needed), message


@pytest.mark.parametrize(
    ("stated", "grid", "needed"),
    [
        ({}, "gpus=0,4", ("fleet.gpus=0", "gpus is 0")),
        ({}, "gpus=4.5,8", ("fleet.gpus=4.5", "not a whole number")),
        ({}, "capacity=lots", ("cache.capacity=lots",)),
        ({"fleet.gpus": "4"}, "gpus=4,8", ("fleet.gpus is stated outside",)),
        ({"run.replications": "5"}, "gpus=4,8", ("run.replications is 5", "seed=0..4:5")),
    ],
)
def test_a_point_that_is_no_scenario_is_one_line(stated, grid, needed):
    with pytest.raises(ChorusError) as refused:
        points_of(None, stated, parse_grid(grid))
    assert all(part in str(refused.value) for part in needed), str(refused.value)
