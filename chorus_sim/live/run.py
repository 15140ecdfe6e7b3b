"""A live run in memory: what served, what was asked, decided and measured.

It is read from a replay's folder or from a server's own run folder; the former also says what the
client saw.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.entry import Query
from chorus_policies.journal import JournalRow
from chorus_policies.live.call_log import read_calls
from chorus_policies.live.calls import Call
from chorus_policies.live.journal_file import read_journal
from chorus_policies.live.record import Record
from chorus_policies.policy import Policy, load_policy
from chorus_sim.live.facts import LiveFacts, read_facts
from chorus_sim.live.pick_up import begun_at_pick_up, pick_ups
from chorus_traces.errors import ScenarioError
from chorus_traces.request import REQUEST_FIELDS, Request

#: Extra field of a received request that holds its key in the cache.
KEY_FIELD = "key"

Row = TypeVar("Row")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted request that got no video."""

    id: str
    status: str = "failed"
    reason: str = ""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What the client saw of a request, in seconds on its own clock.

    ``status`` is 0 where no answer came; ``server_id`` is what the server calls it, where it said.
    """

    id: str
    planned_s: float
    sent_s: float
    answered_s: float
    status: int
    warm_up: bool = False
    server_id: str = ""


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``requests`` are in the order of their arrival; ``records`` and others by id.

    ``key_of`` is each request's key in the cache, ``query_of`` the query by key as the cache got it
    last (with its embedding, where it was embedded). ``sent`` is empty without a replay. Records
    hold their worker from when it could have begun; ``picked_up_s`` is by how much it began later.
    """

    folder: Path
    facts: LiveFacts
    policy: Policy
    requests: tuple[Request, ...]
    records: Mapping[str, Record]
    picked_up_s: Mapping[str, float]
    failures: Mapping[str, Failure]
    calls: tuple[Call, ...]
    journal: tuple[JournalRow, ...]
    key_of: Mapping[str, int]
    query_of: Mapping[int, Query]
    sent: Mapping[str, Sent]

    @property
    def served(self) -> list[Request]:
        """Requests that have a record, in order of arrival."""
        return [one for one in self.requests if one.id in self.records]

    @property
    def warm_up(self) -> frozenset[str]:
        """Ids of the requests that were sent to warm the server up."""
        return frozenset(name for name, one in self.sent.items() if one.warm_up)

    @property
    def others(self) -> frozenset[str]:
        """Ids of the served requests that the replay did not send; none without a replay.

        A server's log begins with the server. What it served before, or others at the same time,
        belongs to the run (the cache holds it) and says nothing about the replay's requests.
        """
        if not self.sent:
            return frozenset()
        # A refused request was not taken in: whoever has its id was there before.
        mine = {name for name, one in self.sent.items() if one.status in (0, 200)}
        return frozenset(one.id for one in self.served if one.id not in mine)

    def embedding_of(self, request: Request) -> npt.NDArray[np.float32] | None:
        """Return the vector the cache compared, that of its donor for a copy, else ``None``."""
        query = self.query_of.get(self.key_of[request.id])
        if query is not None and query.embedding is not None:
            return np.asarray(query.embedding, dtype=np.float32)
        record = self.records.get(request.id)
        donor = None if record is None or record.donor is None else self.query_of.get(record.donor)
        if donor is None or donor.embedding is None:
            return None
        return np.asarray(donor.embedding, dtype=np.float32)


def read_run(folder: Path) -> LiveRun:
    """Read a live folder. Raises ``ChorusError`` naming the file that is missing or damaged."""
    facts = read_facts(folder)
    policy = load_policy(str(folder / "policy.toml"))
    if policy.fingerprint != facts.policy.fingerprint:
        raise ScenarioError(
            f"{folder / 'policy.toml'}: fingerprint {policy.fingerprint}; live.json says "
            f"{facts.policy.fingerprint}: another policy lies there"
        )
    logged = list(_requests(folder / "requests.jsonl"))
    requests = sorted(logged, key=lambda one: one.arrival_s)
    records = {row.id: row for row in _rows(folder / "records.jsonl", Record, needed=True)}
    failures = {row.id: row for row in _rows(folder / "failures.jsonl", Failure, needed=False)}
    if not records:
        raise ScenarioError(f"{folder / 'records.jsonl'}: no finished request; serve some first")
    lacking = [one.id for one in requests if one.id not in records and one.id not in failures]
    known = {one.id for one in requests}
    strange = [name for name in records if name not in known]
    if strange:
        raise ScenarioError(
            f"{folder}: record {strange[0]!r} has no request in requests.jsonl "
            f"({len(strange)} of {len(records)} lack it); take the folder of one whole run"
        )
    if lacking:
        raise ScenarioError(
            f"{folder}: request {lacking[0]!r} has neither record nor failure "
            f"({len(lacking)} of {len(requests)} lack both); drain the server, then fetch the log"
        )
    picked_up_s = pick_ups(records.values())
    calls = tuple(read_calls(folder / "calls.log"))
    query_of: dict[int, Query] = {}
    for call in calls:
        if call.query is not None:
            before = query_of.get(call.query.sequence)
            if before is None or before.embedding is None or call.query.embedding is not None:
                query_of[call.query.sequence] = call.query
    return LiveRun(
        folder=folder,
        facts=facts,
        policy=policy,
        requests=tuple(requests),
        records=begun_at_pick_up(records, picked_up_s),
        picked_up_s=picked_up_s,
        failures=failures,
        calls=calls,
        journal=tuple(read_journal(folder / "journal.jsonl")),
        key_of=_keys(logged, facts),
        query_of=query_of,
        sent={
            row.server_id or row.id: row
            for row in _rows(folder / "client.jsonl", Sent, needed=False)
        },
    )


def _requests(path: Path) -> Iterator[Request]:
    for row in _rows(path, dict[str, Any], needed=True):
        stated = {name: row[name] for name in REQUEST_FIELDS if name in row}
        extra = {name: value for name, value in row.items() if name not in stated}
        yield msgspec.convert(stated | {"extra": extra}, Request)


def _keys(requests: list[Request], facts: LiveFacts) -> dict[str, int]:
    """Return each request's key: stated, or by its place in the log."""
    return {
        one.id: int(one.extra.get(KEY_FIELD, facts.first_key + place))
        for place, one in enumerate(requests)
    }


def _rows(path: Path, kind: type[Row], *, needed: bool) -> Iterator[Row]:
    """Yield the lines of a file; a torn last line is passed over."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError as error:
        if needed:
            raise ScenarioError(
                f"{path}: no such file; a whole live folder is needed (replay again)"
            ) from error
        return
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from error
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(lines, start=1):
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise ScenarioError(f"{path}:{number}: cannot be used: {error}") from error
