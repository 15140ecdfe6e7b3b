import msgspec

from chorus_policies.exact_results import ExactResults
from chorus_policies.testing.samples import make_entry, script_chance


def test_an_older_equal_result_still_answers_after_the_newer_one_left():
    results = ExactResults()
    older = msgspec.structs.replace(make_entry(1, script_chance(0)), identity="same")
    newer = msgspec.structs.replace(make_entry(2, script_chance(0)), identity="same")
    results.add(older)
    results.add(newer)
    assert results.find(older.namespace, "same") == 2
    results.remove(newer)
    assert results.find(older.namespace, "same") == 1
    results.remove(older)
    assert results.find(older.namespace, "same") is None
