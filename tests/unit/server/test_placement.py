"""Which hand carries out a plan."""

from chorus_runtime.server.far.placement import Candidate, choose


def hands(*facts):
    return [
        Candidate(number=number, busy_s=busy_s, has_donor=has_donor, served=served)
        for number, (busy_s, has_donor, served) in enumerate(facts)
    ]


def test_a_hand_that_has_the_donor_goes_first():
    assert choose(hands((0, False, 0), (0, True, 9)), load_s=0.01) == 1


def test_it_is_waited_for_as_long_as_sending_takes_and_no_longer():
    assert choose(hands((0, False, 0), (0.4, True, 0)), load_s=0.5) == 1
    assert choose(hands((0, False, 0), (0.6, True, 0)), load_s=0.5) == 0


def test_without_a_donor_the_free_one_and_then_the_idlest_is_taken():
    assert choose(hands((1, False, 0), (0, False, 9)), load_s=0) == 1
    assert choose(hands((0, False, 5), (0, False, 4)), load_s=0) == 1
