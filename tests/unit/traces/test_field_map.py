"""The field map on the command line."""

import pytest

from chorus_traces.errors import TraceError
from chorus_traces.field_map import parse_field_map


def test_pairs_are_our_name_then_the_foreign_one():
    assert parse_field_map("prompt=text, timestamp = created_at") == {
        "prompt": "text",
        "timestamp": "created_at",
    }


def test_a_foreign_name_may_hold_an_equals_sign():
    assert parse_field_map("prompt=a=b") == {"prompt": "a=b"}


@pytest.mark.parametrize("text", ["", "prompt", "prompt=", "=text", "prompt=text,", ","])
def test_a_pair_that_is_not_whole_is_refused(text):
    with pytest.raises(TraceError, match="FIELD=COLUMN is needed"):
        parse_field_map(text)


def test_an_unknown_field_suggests_the_nearest():
    with pytest.raises(TraceError, match=r"unknown field 'promt'.*\(did you mean 'prompt'\?\)"):
        parse_field_map("promt=text")


def test_extra_is_no_field_to_map():
    with pytest.raises(TraceError, match="unknown field 'extra'"):
        parse_field_map("extra=x")


def test_a_field_mapped_twice_is_refused():
    with pytest.raises(TraceError, match="'prompt' is mapped twice"):
        parse_field_map("prompt=a,prompt=b")
