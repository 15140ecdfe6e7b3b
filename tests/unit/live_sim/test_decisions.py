from chorus_policies.journal import JournalRow
from chorus_sim.live.decisions import World, differing

NAMES = {0: "a", 1: "b", 2: "c", 3: "d"}


def lookup(key, kind="fresh", donor=-1, similarity=0.0, k1=0):
    return JournalRow(1.0, "lookup", key, kind, donor, similarity, k1, k1, 0)


def store(key, answer="host"):
    return JournalRow(1.0, "store", key, answer, -1, 0.0, 0, 0, 10)


def evict(key):
    return JournalRow(1.0, "evict", key, "host", -1, 0.0, 0, 0, 10)


def causes(predicted, measured):
    found = differing(World(predicted, NAMES), World(measured, NAMES), NAMES.values())
    return [(one.id, one.cause, one.in_kind) for one in found]


def test_equal_decisions_differ_in_nothing():
    rows = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    assert causes(rows, rows) == []


def test_a_donor_that_was_still_being_made_is_the_same_time():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1), store(1)]
    measured = [lookup(0), lookup(1), store(0), store(1)]
    assert causes(predicted, measured) == [("b", "same time", True)]
    assert causes(measured, predicted) == [("b", "same time", True)]


def test_an_evicted_donor_is_capacity():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    measured = [lookup(0), store(0), evict(0), lookup(1)]
    assert causes(predicted, measured) == [("b", "capacity", True)]


def test_a_donor_that_an_operator_dropped_is_removed():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    dropped = JournalRow(1.0, "remove", 0, "host", -1, 0.0, 0, 0, 10)
    measured = [lookup(0), store(0), dropped, lookup(1)]
    assert causes(predicted, measured) == [("b", "removed", True)]


def test_a_donor_that_was_refused_is_not_stored():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    measured = [lookup(0), store(0, "refused by admission"), lookup(1)]
    assert causes(predicted, measured) == [("b", "not stored", True)]


def test_a_fallback_is_named_with_its_reason():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    fell = JournalRow(1.0, "fallback", 1, "file gone", 0, 0.9, 1, 1, 0)
    measured = [lookup(0), store(0), lookup(1), fell]
    found = differing(World(predicted, NAMES), World(measured, NAMES), NAMES.values())
    assert [(one.cause, one.detail) for one in found] == [("fallback", "file gone")]


def test_another_similarity_of_the_same_two_is_named():
    predicted = [lookup(0), store(0), lookup(1, "resume", 0, 0.9, 1)]
    measured = [lookup(0), store(0), lookup(1, "resume", 0, 0.8, 1)]
    assert causes(predicted, measured) == [("b", "similarity", False)]


def test_another_donor_that_was_there_in_both_is_a_choice():
    before = [lookup(0), store(0), lookup(1), store(1)]
    predicted = [*before, lookup(2, "resume", 0, 0.9, 1)]
    measured = [*before, lookup(2, "resume", 1, 0.9, 1)]
    assert causes(predicted, measured) == [("c", "choice", False)]


def test_a_copy_found_on_arrival_counts_as_the_decision():
    row = JournalRow(1.0, "find_copy", 1, "copy", 0, 1.0, 0, 0, 0)
    none = JournalRow(1.0, "find_copy", 1, "none", -1, 0.0, 0, 0, 0)
    predicted = [lookup(0), store(0), row]
    measured = [lookup(0), none, lookup(1), store(0)]
    assert causes(predicted, measured) == [("b", "same time", True)]
