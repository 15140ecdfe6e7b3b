from unit.quality.trials import made, trial

from chorus_runtime.quality.latest import latest_k1, paired_difference
from chorus_runtime.quality.table import ALL, EDITS_ALONE, row_of, rows


def test_tgaa_that_keeps_accuracy_ten_steps_longer_is_seen():
    found = latest_k1(made({"reuse": 10, "reuse+tgaa": 20}), 0.01)
    assert found["modes"]["reuse"] == {"k1": 10, "interval": [10, 10]}
    assert found["modes"]["reuse+tgaa"]["k1"] == 20
    moved = found["moved_by_tgaa"]["reuse+tgaa"]
    assert (moved["steps"], moved["interval"], moved["later_in"]) == (10, [10, 10], 1.0)


def test_a_mode_that_loses_at_once_keeps_nothing_even_if_it_recovers():
    trials = made({"reuse": 0})
    trials = [one for one in trials if one.k1 != 20]
    trials += [trial(pair, "reuse", 20, right=True) for pair in range(40)]
    assert latest_k1(trials, 0.01)["modes"]["reuse"]["k1"] == 0


def test_the_interval_says_how_little_few_pairs_tell():
    trials = [trial(pair, "full", 0, right=True) for pair in range(20)]
    for k1 in (10, 20, 30):
        trials += [
            trial(pair, "reuse", k1, right=not (pair == 0 and k1 >= 20)) for pair in range(20)
        ]
    found = latest_k1(trials, 0.01)["modes"]["reuse"]
    assert found == {"k1": 10, "interval": [10, 30]}


def test_paired_differences_count_what_was_gained_and_lost():
    found = paired_difference(made({"reuse": 10, "reuse+tgaa": 20}), "reuse+tgaa", "reuse", 20)
    assert (found["gained"], found["lost"], found["difference"]) == (40, 0, 1.0)
    assert found["p_value"] < 1e-6
    same = paired_difference(made({"reuse": 10, "reuse+tgaa": 10}), "reuse+tgaa", "reuse", 20)
    assert (same["gained"], same["lost"], same["p_value"]) == (0, 0, 1.0)


def test_rows_leave_the_control_out_of_the_edits():
    trials = made({"reuse": 10}, pairs=10) + made({"reuse": 30}, pairs=10, kind="wording")
    table = rows(trials)
    assert row_of(table, "reuse", 20, EDITS_ALONE)["acceptable"]["trials"] == 10
    both = row_of(table, "reuse", 20, ALL)["acceptable"]
    assert (both["right"], both["trials"]) == (10, 20)
    assert both["low"] < 0.5 < both["high"]
    assert row_of(table, "reuse", 20, "wording")["time_share"] == 0.6
    assert row_of(table, "srd", 20, ALL) is None
