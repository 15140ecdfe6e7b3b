"""A record of a request of which nothing is known but what a test states."""

from typing import Any

import msgspec

from chorus_policies.live.record import Record


def blank_record(**stated: Any) -> Record:
    """Return a record whose times and bytes are zero where they are not stated."""
    told: dict[str, Any] = dict.fromkeys(Record.__struct_fields__)
    told |= dict.fromkeys((name for name in told if name.endswith(("_s", "_bytes"))), 0)
    told |= {"id": "one", "worker": 0, "kind": "fresh", "reason": "none", "steps": 4}
    return msgspec.convert(told | stated, Record)
